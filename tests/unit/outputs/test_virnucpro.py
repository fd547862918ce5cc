"""VirNucPro's layout, safe to load, and its metadata."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from tests.support.outputs import METADATA, content_of, vectors_of
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
