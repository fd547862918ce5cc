"""VirNucPro's layouts, safe to load, and its metadata."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.support.outputs import METADATA, content_of, vectors_of
from tui_balancer.outputs.formats import FORMATS
from tui_balancer.outputs.virnucpro import read, write


def test_the_layout_is_virnucpros_and_loads_safely(tmp_path: Path) -> None:
    path = tmp_path / "a_ESM.pt"
    write(path, content_of(["p1", "p2", "p3"]))
    content = torch.load(path, weights_only=True)
    assert list(content) == ["proteins", "data", "metadata"]
    assert content["proteins"] == ["p1", "p2", "p3"]
    assert [tensor.shape for tensor in content["data"]] == [(5,)] * 3
    assert torch.equal(torch.stack(content["data"]), torch.from_numpy(vectors_of(3)))
    assert content["metadata"] == METADATA


def test_a_file_without_vectors_is_written(tmp_path: Path) -> None:
    write(tmp_path / "a.pt", content_of([]))
    content = torch.load(tmp_path / "a.pt", weights_only=True)
    assert content["proteins"] == content["data"] == []


def test_many_vectors_are_one_record(tmp_path: Path) -> None:
    rows = 2_000
    written = write(tmp_path / "a.pt", content_of([f"p{n}" for n in range(rows)]))
    assert written.bytes < rows * 5 * 4 + rows * 100


def test_files_of_virnucpro_itself_are_read(tmp_path: Path) -> None:
    vectors = [torch.ones(5), torch.zeros(5)]
    torch.save({"proteins": ["p", "q"], "data": vectors}, tmp_path / "theirs.pt")
    stored = read(tmp_path / "theirs.pt")
    assert (stored.ids, stored.kept.width, stored.metadata) == (["p", "q"], 5, {})
    assert np.array_equal(np.stack(list(stored.vectors())), torch.stack(vectors).numpy())


NUCLEOTIDES = METADATA | {"alphabet": "nucleotide"}


def merged_data(nucleotides: Path, proteins: Path) -> dict[str, Any]:
    """Return what VirNucPro's `merge_data` makes of two outputs.

    After `units.py` of Li-Jing-1997/VirNucPro at 0f93f27: both files are looked up by id, and a
    sequence's vectors are put end to end, that of the nucleotides first.
    """
    theirs, others = torch.load(nucleotides), torch.load(proteins)
    by_nucleotide = {
        id: torch.tensor(row["mean_representation"])
        for id, row in zip(theirs["nucleotide"], theirs["data"], strict=True)
    }
    by_protein = dict(zip(others["proteins"], others["data"], strict=True))
    merged = [torch.cat((by_nucleotide[id], by_protein[id]), dim=-1) for id in theirs["nucleotide"]]
    return {"ids": theirs["nucleotide"], "data": torch.stack(merged)}


@pytest.mark.filterwarnings("ignore:To copy construct from a tensor")
def test_virnucpro_merges_nucleotides_with_proteins(tmp_path: Path) -> None:
    nucleotides, proteins = tmp_path / "a_DNABERT_S.pt", tmp_path / "a_ESM.pt"
    write(nucleotides, content_of(["p1", "p2", "p3"], width=4, metadata=NUCLEOTIDES))
    write(proteins, content_of(["p3", "p1", "p2"], width=5))
    merged = merged_data(nucleotides, proteins)
    assert merged["ids"] == ["p1", "p2", "p3"]
    of_proteins = vectors_of(3, width=5)[[1, 2, 0]]
    expected = np.concatenate([vectors_of(3, width=4), of_proteins], axis=1)
    assert np.array_equal(merged["data"].numpy(), expected)


def test_the_layout_of_nucleotides_has_ids_labels_and_metadata(tmp_path: Path) -> None:
    path = tmp_path / "a_DNABERT_S.pt"
    write(path, content_of(["p1", "p2"], metadata=NUCLEOTIDES))
    content = torch.load(path, weights_only=True)
    assert list(content) == ["nucleotide", "data", "metadata"]
    assert [row["label"] for row in content["data"]] == content["nucleotide"] == ["p1", "p2"]
    assert content["metadata"] == NUCLEOTIDES
    stored = read(path)
    assert (stored.ids, stored.kept.width, stored.metadata) == (["p1", "p2"], 5, NUCLEOTIDES)
    assert np.array_equal(np.stack(list(stored.vectors())), vectors_of(2))


def test_many_vectors_of_nucleotides_are_one_record(tmp_path: Path) -> None:
    rows = 2_000
    written = write(
        tmp_path / "a.pt", content_of([f"p{n}" for n in range(rows)], metadata=NUCLEOTIDES)
    )
    assert written.bytes < rows * (5 * 4 + FORMATS["virnucpro"].entry_bytes)


def test_files_of_virnucpros_own_extraction_are_read(tmp_path: Path) -> None:
    rows = [{"label": id, "mean_representation": [0.5, 0.25]} for id in ("p", "q")]
    torch.save({"nucleotide": ["p", "q"], "data": rows}, tmp_path / "theirs.pt")
    stored = read(tmp_path / "theirs.pt")
    assert (stored.ids, stored.kept.width, stored.metadata) == (["p", "q"], 2, {})
    assert np.array_equal(np.stack(list(stored.vectors())), [[0.5, 0.25]] * 2)
