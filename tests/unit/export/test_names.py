"""Any names of files and any headers: written, verified, exported, merged and read back exactly."""

from __future__ import annotations

import csv
import os
import sys
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.support.finished_run import finish_run
from tests.support.plain_readers import PLAIN_IDS
from tui_balancer.export.export import export, verify
from tui_balancer.export.merge import merge
from tui_balancer.outputs.formats import FORMATS, INDEX, FormatName

ALL: tuple[FormatName, ...] = tuple(FORMATS)
MERGED: tuple[FormatName, ...] = tuple(name for name, one in FORMATS.items() if one.merges)

letters = st.sampled_from(
    [*(b"%c" % one for one in b"aA.: %\t\n\r\x1b\"'\\-_"), b"\xff", "é".encode()]
)
# In a folder, what begins with a dot is no input.
names = st.tuples(letters.filter(b".".__ne__), st.lists(letters, max_size=4).map(b"".join)).map(
    b"".join
)
words = st.sampled_from(
    [b"p", b"P", b"a:p", b"p_2", b"", b"a/b", b"a_b", b".", b"\xd7", "ß".encode()]
)
blanks = st.sampled_from([b" ", b"\x01", b"\t", b'"'])
headers = st.one_of(
    st.lists(st.one_of(words, blanks), max_size=3).map(b"".join),
    st.binary(max_size=4).filter(lambda header: not {*b"\n\r"} & {*header}),
)
files = st.dictionaries(names, st.lists(headers, min_size=1, max_size=4), min_size=1, max_size=4)
LONG = b"x" * 140_000


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("names")
    return (folder / str(number) for number in count())


@pytest.fixture(autouse=True)
def no_limit() -> Iterator[None]:
    before = csv.field_size_limit(sys.maxsize)
    yield
    csv.field_size_limit(before)


@pytest.fixture(autouse=True)
def no_syncing(monkeypatch: pytest.MonkeyPatch) -> None:
    # Hundreds of small files; no power is cut here.
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)


def rows_of(table: Path) -> list[dict[str, str]]:
    with table.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file, dialect="excel-tab"))


def as_text(text: bytes) -> str:
    """Return what people read: bytes that are not UTF-8 as their escapes."""
    return text.decode(errors="backslashreplace")


@settings(deadline=None, max_examples=6)
@given(files)
@example({b"a.fa": [LONG, b"p " + LONG], b"cr.fa\r": [b"q\x01r s"], b"\r\n": [b"p"]})
@example({b"n" * 255: [b"p"], b"n" * 254 + b"m": [b"p"], b"N" * 255: [b"P"]})
@example({b"a": [b"p"], b"b": [b"p"], b"c": [b"a:p"]})
@example({b"nul": [b"a", b"a\0"], b"b": [b"a"]})
def test_names_and_headers_are_read_back_exactly(
    places: Iterator[Path], told: dict[bytes, list[bytes]]
) -> None:
    place = next(places)
    inputs = place / "in"
    inputs.mkdir(parents=True)
    for name, titles in told.items():
        content = b"".join(b">%b\nMKV\n" % title for title in titles)
        (inputs / os.fsdecode(name)).write_bytes(content)
    good = {
        as_text(name): [as_text(title).strip() for title in titles]
        for name, titles in told.items()
        if not any(b"\0" in title for title in titles)
    }
    out = finish_run(inputs, place / "out", ALL)
    refused = verify(out).problems
    assert all("NUL character in the header" in one for one in refused)
    assert len(refused) == len(told) - len(good)

    tables = {table: rows_of(table) for table in out.rglob("*.tsv") if table.name != "index.tsv"}
    assert sorted(row["file"] for rows in tables.values() for row in rows[:1]) == sorted(good)
    for table, rows in tables.items():
        ids = [row["id"] for row in rows]
        assert len(set(ids)) == len(ids)
        for row, header in zip(rows, good[rows[0]["file"]], strict=True):
            assert row["header"] == (header or row["id"])
        for one in FORMATS.values():
            assert PLAIN_IDS[one.name](table.with_suffix(one.suffix)) == ids

    if good:
        exported = export(out, ALL, place / "exported")
        assert exported.outputs == len(ALL) * len(good)
        for table, rows in tables.items():
            again = place / "exported" / table.relative_to(out)
            for one in FORMATS.values():
                ids = PLAIN_IDS[one.name](again.with_suffix(one.suffix))
                assert ids == [row["id"] for row in rows]
        merge(out, MERGED)
        rows = rows_of(out / f"merged{INDEX.suffix}")
        keys = [row["id"] for row in rows]
        assert len(set(keys)) == len(keys) == sum(map(len, good.values()))
        assert {row["file"] for row in rows} == set(good)
        for merged in MERGED:
            assert PLAIN_IDS[merged](out / f"merged{FORMATS[merged].suffix}") == keys
        assert verify(out).problems == refused
