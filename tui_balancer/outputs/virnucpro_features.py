"""The features that VirNucPro's `prediction.py` reads: nucleotides and proteins in one matrix.

Needs torch.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch

from tui_balancer.outputs.content import Block, Row, reading
from tui_balancer.outputs.provenance import MetadataValue
from tui_balancer.outputs.sealing import ShieldedFile
from tui_balancer.outputs.virnucpro import read


def merge(
    nucleotides: Path, proteins: Path, path: Path, metadata: Mapping[str, MetadataValue]
) -> list[str]:
    """Write `{'ids': [id…], 'data': matrix, 'metadata': {…}}` of two outputs of the same sequences.

    A row has the numbers of the nucleotides first, then those of the protein, in the order of the
    nucleotides. Sequences that one of the outputs lacks are left out.

    Args:
        nucleotides: The output of the model that reads nucleotides.
        proteins: That of the proteins that they encode, under the same ids.
        path: What is written; an existing file is overwritten.
        metadata: How it was made; `left_out` is added.

    Returns:
        The ids that are left out.

    Raises:
        UserError: An output is unreadable.
        OSError: The file cannot be written.
    """
    first, second = read(nucleotides), read(proteins)
    by_protein: dict[str, Row] = dict(zip(second.ids, second.vectors(), strict=True))
    ids = [one for one in first.ids if one in by_protein]
    matrix: Block = np.empty((len(ids), first.kept.width + second.kept.width), np.float32)
    rows = iter(matrix)
    for one, vector in zip(first.ids, first.vectors(), strict=True):
        if one in by_protein:
            place = next(rows)
            place[: len(vector)], place[len(vector) :] = vector, by_protein[one]
    there = set(ids)
    left_out = [one for one in dict.fromkeys((*first.ids, *second.ids)) if one not in there]
    made = {**metadata, "left_out": left_out}
    with ShieldedFile(path, "w") as file:
        torch.save({"ids": ids, "data": torch.from_numpy(matrix), "metadata": made}, file)
        file.check()
    return left_out


def read_metadata(path: Path) -> Mapping[str, MetadataValue]:
    """Return how features were made; nothing for those of other programs.

    Raises:
        UserError: The file is unreadable.
    """
    with reading(path):
        content = torch.load(path, weights_only=True, map_location="cpu", mmap=True)
        found: Mapping[str, MetadataValue] = content.get("metadata", {})
    return found
