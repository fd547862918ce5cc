"""Archives that torch loads as its own, of any size."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch

from tui_balancer.outputs import torch_archive
from tui_balancer.outputs.torch_archive import VectorOf, save

CONTENT = {"names": ["a", "b", "ä"], "counts": {"n": 3, "large": 2**40, "yes": True}, "none": []}


def matrix_of(rows: int) -> npt.NDArray[np.float32]:
    numbers = np.arange(rows * 5, dtype=np.float32).reshape(rows, 5)
    matrix: npt.NDArray[np.float32] = numbers / np.float32(7)
    return matrix


def saved(matrix: npt.NDArray[np.float32], path: Path) -> Path:
    vectors = [VectorOf(row) for row in range(len(matrix))]
    with path.open("wb") as file:
        save(CONTENT | {"vectors": vectors}, matrix, file)
    return path


@pytest.fixture(params=[False, True], ids=["small", "large"])
def large(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Whether all sizes and offsets are written as those beyond 4 GiB."""
    everything: bool = request.param
    if everything:
        monkeypatch.setattr(torch_archive, "_LIMIT", 0)
    return everything


@pytest.mark.parametrize(
    ("rows", "mapped"), [(0, False), (1, False), (3, False), (3, True), (70_000, False)]
)
def test_it_loads_as_what_torch_itself_saves(
    rows: int, mapped: bool, large: bool, tmp_path: Path
) -> None:
    matrix = matrix_of(rows)
    path = saved(matrix, tmp_path / "a.pt")
    loaded = torch.load(path, weights_only=True, mmap=mapped)
    vectors = loaded.pop("vectors")
    assert loaded == CONTENT
    assert len(vectors) == rows
    assert all(vector.dtype == torch.float32 for vector in vectors)
    assert np.array_equal(np.array([vector.numpy() for vector in vectors]).reshape(-1, 5), matrix)
    for vector in vectors[:1]:
        vector.fill_(7)
    # A view of each row: a change of one changes no other.
    others = [vector.numpy() for vector in vectors[1:]]
    assert np.array_equal(np.array(others).reshape(-1, 5), matrix[1:])


def test_the_pickled_object_is_byte_for_byte_that_of_torch(tmp_path: Path) -> None:
    matrix = matrix_of(3)
    ours = saved(matrix, tmp_path / "ours.pt")
    theirs = io.BytesIO()
    torch.save(CONTENT | {"vectors": list(torch.from_numpy(matrix).unbind(0))}, theirs)
    with zipfile.ZipFile(ours) as own, zipfile.ZipFile(theirs) as other:
        assert own.testzip() is None
        for name in ("data.pkl", "byteorder", "data/0", "version"):
            assert own.read(f"archive/{name}") == other.read(f"archive/{name}")


def test_every_record_begins_where_it_can_be_mapped(large: bool, tmp_path: Path) -> None:
    path = saved(matrix_of(3), tmp_path / "a.pt")
    content = path.read_bytes()
    with zipfile.ZipFile(path) as archive:
        for one in archive.infolist():
            assert content.count(data := archive.read(one)) == 1
            assert content.index(data) % 64 == 0


def test_the_file_holds_the_rows_and_little_else(tmp_path: Path) -> None:
    path = saved(matrix_of(2_000), tmp_path / "a.pt")
    assert path.stat().st_size < 2_000 * (5 * 4 + 100)
