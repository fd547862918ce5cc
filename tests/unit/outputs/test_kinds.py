"""Several kinds of several layers in every format that holds them."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import h5py
import numpy as np
import pyarrow.parquet as pq
import pytest
import torch

from tests.support.outputs import METADATA, entries_of
from tui_balancer.errors import UserError
from tui_balancer.outputs.content import Content, Entry, Row
from tui_balancer.outputs.formats import FORMATS, INDEX, FormatName, reader, require_room, writer
from tui_balancer.outputs.index import checksum, read_index
from tui_balancer.outputs.layout import safe_name
from tui_balancer.representations import KINDS, Representations

IDS = ["p", "a/b", "q"]
EVERYTHING = Representations.named((0, 6), KINDS, 5)
CHOICES = [
    EVERYTHING,
    Representations.named((6,), ("per_tok",), 5),
    Representations.named((6,), ("contacts",), 5),
    Representations.named((5, 6), ("per_tok", "contacts"), 5),
    Representations.named((0, 5, 6), ("mean", "bos"), 5),
    Representations.named((6,), ("bos",), 5),
]


def content_of(kept: Representations, ids: list[str]) -> Content:
    entries = entries_of(ids)

    def vectors() -> Iterator[Row]:
        for number, entry in enumerate(entries):
            size = kept.numbers(entry.used_length)
            yield np.arange(size, dtype=np.float32) / np.float32(7) + np.float32(1000 * number)

    metadata = METADATA | {"include": list(kept.names), "layers": list(kept.layers)}
    return Content(entries, kept, vectors, metadata)


def fitting(kept: Representations) -> list[FormatName]:
    def fits(name: FormatName) -> bool:
        try:
            require_room([name], kept)
        except UserError:
            return False
        return True

    return [name for name in FORMATS if fits(name)]


@pytest.mark.parametrize("kept", CHOICES, ids=str)
def test_what_is_written_is_read_again(kept: Representations, tmp_path: Path) -> None:
    content = content_of(kept, IDS)
    for name in fitting(kept):
        path = tmp_path / f"a_ESM{FORMATS[name].suffix}"
        writer(FORMATS[name]).write(path, content)
        stored = reader(FORMATS[name]).read(path)
        assert list(stored.ids) == IDS
        assert [part.name for part in stored.kept.parts(9)] == [
            part.name for part in kept.parts(9)
        ], name
        for _ in range(2):
            for actual, expected in zip(stored.vectors(), content.vectors(), strict=True):
                assert np.array_equal(actual, expected), name


def test_an_output_without_sequences_is_written_whatever_is_kept(tmp_path: Path) -> None:
    for kept in CHOICES:
        for name in fitting(kept):
            path = tmp_path / f"a_ESM{FORMATS[name].suffix}"
            writer(FORMATS[name]).write(path, content_of(kept, []))
            assert list(reader(FORMATS[name]).read(path).vectors()) == []


def parts_of(entry: int) -> dict[str, Row]:
    return [parts for _, parts in content_of(EVERYTHING, IDS).parts()][entry]


def test_the_esm_format_has_extracts_keys(tmp_path: Path) -> None:
    path = tmp_path / "a_ESM.esm"
    writer(FORMATS["esm"]).write(path, content_of(EVERYTHING, IDS))
    name = safe_name(entries_of(IDS)[0].header)
    one = torch.load(path / "00000" / f"{name}.pt", weights_only=True)
    expected = parts_of(0)
    for kind, key in (("mean", "mean_"), ("bos", "bos_"), ("per_tok", "")):
        found = one[f"{key}representations"]
        assert found.keys() == {0, 6}
        for layer, tensor in found.items():
            assert np.array_equal(tensor.numpy(), expected[f"{kind}_{layer}"])
    assert np.array_equal(one["contacts"].numpy(), expected["contacts"])
    assert one.keys() == {
        *("label", "representations", "mean_representations", "bos_representations", "contacts")
    }


def test_h5_has_a_group_a_sequence_and_parquet_a_column_a_part(tmp_path: Path) -> None:
    for name in ("h5", "parquet"):
        writer(FORMATS[name]).write(tmp_path / name, content_of(EVERYTHING, IDS))
    expected = parts_of(1)
    with h5py.File(tmp_path / "h5") as file:
        group = file["a_b"]
        assert group.attrs["original_id"] == "a/b"
        assert set(group) == expected.keys()
        for part, values in expected.items():
            assert np.array_equal(group[part][:], values)
    row = pq.read_table(tmp_path / "parquet").to_pylist()[1]
    for part, values in expected.items():
        assert np.array_equal(np.array(row[part], np.float32), values)


def test_one_kind_of_one_layer_is_a_flat_dataset_as_uniprot_has_it(tmp_path: Path) -> None:
    kept = Representations.named((6,), ("per_tok",), 5)
    writer(FORMATS["h5"]).write(tmp_path / "a.h5", content_of(kept, IDS))
    with h5py.File(tmp_path / "a.h5") as file:
        assert file["p"].shape == (entries_of(IDS)[0].used_length, 5)


def test_npz_has_a_matrix_a_part(tmp_path: Path) -> None:
    kept = Representations.named((0, 6), ("mean", "bos"), 5)
    writer(FORMATS["npz"]).write(tmp_path / "a.npz", content_of(kept, IDS))
    with np.load(tmp_path / "a.npz", allow_pickle=False) as file:
        for part in kept.parts(0):
            expected = [row[part.numbers] for row in content_of(kept, IDS).vectors()]
            assert np.array_equal(file[part.name], np.stack(expected))


def test_the_checksum_of_the_index_covers_all_that_is_kept(tmp_path: Path) -> None:
    content = content_of(EVERYTHING, IDS)
    writer(INDEX).write(tmp_path / "a.tsv", content)
    sums = [found for _, found in read_index(tmp_path / "a.tsv")]
    assert sums == [checksum(row) for row in content.vectors()]
    assert len(set(sums)) == len(IDS)


@pytest.mark.parametrize(
    ("formats", "layers", "kinds", "answer"),
    [
        (("h5", "virnucpro"), (6,), ("bos",), "virnucpro holds the mean of one layer alone"),
        (("virnucpro",), (5, 6), ("mean",), "choose esm, h5, npz"),
        (("npz",), (6,), ("mean", "per_tok"), "npz holds vectors, neither per_tok nor contacts"),
    ],
)
def test_what_a_format_cannot_hold_is_refused_in_one_line(
    formats: tuple[FormatName, ...],
    layers: tuple[int, ...],
    kinds: tuple[str, ...],
    answer: str,
) -> None:
    with pytest.raises(UserError, match=answer):
        require_room(formats, Representations.named(layers, kinds, 5))


def test_a_row_of_another_size_is_a_mistake(tmp_path: Path) -> None:
    content = content_of(EVERYTHING, IDS)
    short = Content(content.entries, EVERYTHING, lambda: [np.zeros(3, np.float32)] * 3, METADATA)
    with pytest.raises(ValueError, match="p has 3 numbers"):
        writer(FORMATS["h5"]).write(tmp_path / "a.h5", short)


@pytest.mark.parametrize("name", ["esm", "h5", "parquet"])
def test_large_rows_are_not_gathered_in_memory(name: FormatName, tmp_path: Path) -> None:
    kept = Representations.named((6,), ("per_tok",), 2000)
    entries = [Entry(f"p{number}", f"p{number}", 100, 100) for number in range(160)]

    def vectors() -> Iterator[Row]:
        return (np.zeros(kept.numbers(100), np.float32) for _ in entries)

    metadata = METADATA | {"include": ["per_tok"], "layers": [6]}
    writer(FORMATS[name]).write(tmp_path / "warm", content_of(kept, []))
    tracemalloc.start()
    writer(FORMATS[name]).write(tmp_path / "a", Content(entries, kept, vectors, metadata))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 0.5 * 160 * 4 * kept.numbers(100)
