"""The output file: VirNucPro's layout, safe to load, equal bytes for equal content."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
import torch

from tui_balancer.outputs.provenance import MetadataValue, provenance
from tui_balancer.outputs.virnucpro import write

METADATA = provenance(
    model="untrained esm2_t6_8M_UR50D (seed 0)",
    untrained=True,
    weights_sha256="ab",
    layer=6,
    max_length=1022,
    batch_tokens=4096,
    cpu_threads=1,
    torch_version="2.13.0",
    input_name="a.fasta",
    input_sha256="cd",
    sequences=3,
    truncated_ids=["p2"],
    replaced=4,
    skipped=1,
)


def _vectors(rows: int) -> torch.Tensor:
    return torch.arange(rows * 5, dtype=torch.float32).reshape(rows, 5)


def test_the_layout_is_virnucpros_and_loads_safely(tmp_path: Path) -> None:
    path = tmp_path / "a_ESM.pt"
    vectors = _vectors(3)
    write(path, ["p1", "p2", "p3"], vectors, METADATA)
    content = torch.load(path, weights_only=True)
    assert list(content) == ["proteins", "data", "metadata"]
    assert content["proteins"] == ["p1", "p2", "p3"]
    assert [tensor.shape for tensor in content["data"]] == [(5,)] * 3
    assert torch.equal(torch.stack(content["data"]), vectors)
    assert content["metadata"] == METADATA


def test_the_hash_and_the_size_are_those_on_disk(tmp_path: Path) -> None:
    path = tmp_path / "a.pt"
    written = write(path, ["p"], _vectors(1), METADATA)
    assert written.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert written.bytes == path.stat().st_size


def test_equal_content_is_equal_bytes_whatever_the_name(tmp_path: Path) -> None:
    matrix = _vectors(4)
    whole = write(tmp_path / "a_ESM.pt.1.tmp", ["p", "q"], matrix[:2].clone(), METADATA)
    view = write(tmp_path / "b", ["p", "q"], matrix[:2], METADATA)
    strided = write(tmp_path / "c", ["p", "q"], matrix[:2].t().contiguous().t(), METADATA)
    assert whole == view == strided


def test_a_file_without_vectors_is_written(tmp_path: Path) -> None:
    write(tmp_path / "a.pt", [], torch.empty(0, 5), METADATA)
    content = torch.load(tmp_path / "a.pt", weights_only=True)
    assert content["proteins"] == content["data"] == []


def test_many_vectors_are_one_record(tmp_path: Path) -> None:
    rows = 2_000
    written = write(tmp_path / "a.pt", [f"p{n}" for n in range(rows)], _vectors(rows), METADATA)
    assert written.bytes < rows * 5 * 4 + rows * 100


@pytest.mark.parametrize(
    "vectors", [_vectors(1), _vectors(2).double(), _vectors(2)[0], _vectors(3)]
)
def test_vectors_that_do_not_match_the_ids_are_a_mistake(
    vectors: torch.Tensor, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match="2 ids, but vectors"):
        write(tmp_path / "a.pt", ["p", "q"], vectors, METADATA)


def test_metadata_counts_and_names_what_was_cut() -> None:
    expected: dict[str, MetadataValue] = {"truncated": 1, "truncated_ids": ["p2"]}
    assert expected.items() <= METADATA.items()
    assert list(METADATA) == sorted(METADATA)
    assert METADATA["pooling"] == "mean over residues, BOS and EOS excluded"
