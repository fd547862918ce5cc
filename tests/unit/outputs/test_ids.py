"""Every id that a file can hold is read back exactly by the libraries that people use."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.support.outputs import METADATA, vectors_of
from tests.support.plain_readers import PLAIN_IDS
from tui_balancer.inputs.content import read_fasta
from tui_balancer.inputs.locating import InputError
from tui_balancer.inputs.records import ReadingRules
from tui_balancer.outputs.content import Content, Entry
from tui_balancer.outputs.formats import FORMATS, INDEX, Format, reader, writer
from tui_balancer.outputs.layout import digest
from tui_balancer.representations import Representations

KEPT = Representations.mean(6, 5)

WORDS = ["a", "A", "a/b", "a_b", f"a_b-{digest('a/b')}", ".", "..", "./a", "_", "_.", "a\\0", "é"]
LONG = "x" * 140_000

titles = st.one_of(
    st.text(st.characters(exclude_characters="\r\n\0", exclude_categories=["Cs"]), max_size=8),
    st.lists(
        st.sampled_from([*WORDS, f"a-{digest('a')}", f"a-{digest('A')}", " ", "\t", "\x01"])
    ).map("".join),
).map(str.encode)
nasty_titles = st.one_of(titles, titles, st.binary(max_size=4))


def entries_in(path: Path, headers: list[bytes]) -> list[Entry]:
    """Return what a FASTA file with these headers has, as our own reader reads it."""
    path.write_bytes(b"".join(b">%b\nMKV\n" % header for header in headers))
    records = read_fasta(path, ReadingRules()).records
    return [Entry(one.id, one.header, one.length, len(one.residues)) for one in records]


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("ids")
    return (folder / str(number) for number in count())


@pytest.fixture(autouse=True)
def no_limit() -> Iterator[None]:
    # As the README has it, for headers of more than 131,072 letters.
    before = csv.field_size_limit(sys.maxsize)
    yield
    csv.field_size_limit(before)


@pytest.mark.parametrize("one", [*FORMATS.values(), INDEX], ids=lambda one: one.name)
@settings(deadline=None, max_examples=40)
@given(st.lists(nasty_titles, min_size=1, max_size=8))
@example([b"a\x01b", b"a", b"A"])
@example([LONG.encode(), LONG.encode(), f"p {LONG}".encode()])
@example([b"a/b", b"a_b", f"a_b-{digest('a/b')}".encode()])
@example([b"a", b"a", f"a-{digest('a_2')}".encode(), b"A"])
@example([f"a-{digest('A')}".encode(), b"a", b"A"])
def test_ids_are_read_back_exactly(
    one: Format, places: Iterator[Path], headers: list[bytes]
) -> None:
    place = next(places)
    place.mkdir()
    try:
        entries = entries_in(place / "a.fasta", headers)
    except InputError:
        assert any({0, *b"\r\n"} & {*header} for header in headers)
        return
    ids = [entry.id for entry in entries]
    content = Content(entries, KEPT, lambda: vectors_of(len(ids)), METADATA)
    output = place / f"a_ESM{one.suffix}"
    writer(one).write(output, content)
    assert PLAIN_IDS[one.name](output) == ids
    if one is not INDEX:
        stored = reader(one).read(output)
        assert list(stored.ids) == ids
        assert np.array_equal(np.stack(list(stored.vectors())), vectors_of(len(ids)))
    assert len(set(ids)) == len(ids)


def test_labels_of_the_esm_format_are_the_headers(tmp_path: Path) -> None:
    entries = entries_in(tmp_path / "a.fasta", [b"a b", b"A B", b"..", LONG.encode(), b"n\x01m"])
    content = Content(entries, KEPT, lambda: vectors_of(len(entries)), METADATA)
    output = tmp_path / "a_ESM.esm"
    writer(FORMATS["esm"]).write(output, content)
    labels = [torch.load(path, weights_only=True)["label"] for path in output.rglob("*.pt")]
    assert sorted(labels) == sorted(entry.header for entry in entries)
    assert json.loads((output / "metadata.json").read_text()) == METADATA


@pytest.mark.parametrize("name", ["a\r.fasta", "\r", "a\nb", "a\tb", "\u2028", '"', "é" * 100])
def test_the_name_of_an_input_is_read_back_exactly(name: str, tmp_path: Path) -> None:
    content = Content(
        [Entry("p", "p", 3, 3)], KEPT, lambda: vectors_of(1), METADATA | {"input_name": name}
    )
    output = tmp_path / "a_ESM.tsv"
    writer(INDEX).write(output, content)
    with output.open(newline="", encoding="utf-8") as file:
        assert [row["file"] for row in csv.DictReader(file, dialect="excel-tab")] == [name]
