"""Contents of outputs, made up."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tui_balancer.outputs.content import Block, Content, Entry
from tui_balancer.outputs.provenance import MetadataValue
from tui_balancer.representations import Representations

METADATA: dict[str, MetadataValue] = {
    "alphabet": "protein",
    "batch_tokens": 4096,
    "cpu_threads": 1,
    "failed_ids": [],
    "format_version": 1,
    "include": ["mean"],
    "input_name": "a.fasta",
    "input_sha256": "cd",
    "layer": 6,
    "layers": [6],
    "model": "untrained esm2_t6_8M_UR50D (seed 0)",
    "replaced": 4,
    "sequences": 3,
    "skipped": 1,
    "skipped_ids": [],
    "split_batches": 0,
    "truncated": 1,
    "truncated_ids": ["p2"],
    "untrained": True,
    "windowed": 0,
}


def entries_of(ids: Sequence[str]) -> list[Entry]:
    """Return sequences of 10, 11 … residues, the odd ones cut at 9."""
    return [
        Entry(id, f"{id} protein {number}", 10 + number, 9 if number % 2 else 10 + number, number)
        for number, id in enumerate(ids)
    ]


def vectors_of(rows: int, width: int = 5) -> Block:
    """Return distinct vectors."""
    numbers = np.arange(rows * width, dtype=np.float32).reshape(rows, width)
    vectors: Block = numbers / np.float32(7)
    return vectors


def content_of(
    ids: Sequence[str], width: int = 5, metadata: dict[str, MetadataValue] = METADATA
) -> Content:
    kept = Representations.mean(6, width)
    return Content(entries_of(ids), kept, lambda: vectors_of(len(ids), width), metadata)
