"""What all formats have in common: nothing is lost, and equal content is equal bytes."""

from __future__ import annotations

import errno
import resource
import tracemalloc
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from tests.support.outputs import METADATA, content_of, entries_of, vectors_of
from tui_balancer.errors import UserError
from tui_balancer.manual.pages import page
from tui_balancer.outputs.checking import flaw
from tui_balancer.outputs.content import BLOCK_ROWS, Content, Row
from tui_balancer.outputs.formats import (
    FORMATS,
    INDEX,
    Format,
    format_of,
    parse_formats,
    reader,
    writer,
)
from tui_balancer.representations import Representations

KEPT = Representations.mean(6, 5)
ALL = [*FORMATS.values(), INDEX]
NASTY = ["sp|P1|A_B", "a/b", "a_b", ".", "..", "é", "a b"[:1], "x" * 300, "A", "con'\"\t,;", "a\\b"]


def named(one: Format) -> str:
    return one.name


formats = pytest.mark.parametrize("one", FORMATS.values(), ids=named)
all_formats = pytest.mark.parametrize("one", ALL, ids=named)


def bytes_of(path: Path) -> dict[str, bytes]:
    files = [path] if path.is_file() else [one for one in path.rglob("*") if one.is_file()]
    return {str(one.relative_to(path)): one.read_bytes() for one in files}


@formats
def test_what_is_written_is_read_again(one: Format, tmp_path: Path) -> None:
    path = tmp_path / f"a_ESM{one.suffix}"
    writer(one).write(path, content_of(NASTY))
    stored = reader(one).read(path)
    assert list(stored.ids) == NASTY
    assert stored.kept == KEPT
    assert stored.metadata == METADATA
    for _ in range(2):
        assert np.array_equal(np.stack(list(stored.vectors())), vectors_of(len(NASTY)))


@formats
def test_more_sequences_than_a_block_come_in_their_order(one: Format, tmp_path: Path) -> None:
    path, rows = tmp_path / f"a_ESM{one.suffix}", BLOCK_ROWS + 5
    ids = [f"p{number}" for number in range(rows)]
    matrix = vectors_of(rows)
    writer(one).write(path, Content(entries_of(ids), KEPT, lambda: matrix, METADATA))
    stored = reader(one).read(path)
    assert list(stored.ids) == ids
    assert np.array_equal(np.stack(list(stored.vectors())), matrix)


@all_formats
def test_equal_content_is_equal_bytes_whenever_and_wherever(
    one: Format, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = tmp_path / f"a_ESM{one.suffix}.1.tmp", tmp_path / "b"
    written = writer(one).write(first, content_of(NASTY))
    monkeypatch.setattr("time.time", lambda: 2e9)
    matrix = np.asfortranarray(vectors_of(len(NASTY)))
    content = Content(entries_of(NASTY), KEPT, lambda: matrix, dict(METADATA))
    writer(one).write(second, content)
    assert bytes_of(first) == bytes_of(second)
    again = writer(one).write(first, content)
    assert (again.sha256, again.bytes) == (written.sha256, written.bytes)


@all_formats
def test_the_checksum_and_the_size_find_every_flaw(one: Format, tmp_path: Path) -> None:
    path = tmp_path / f"a_ESM{one.suffix}"
    written = writer(one).write(path, content_of(["p", "q"]))

    def found() -> str:
        return flaw(path, written.sha256, written.bytes)

    assert found() == ""
    for victim in sorted(bytes_of(path)):
        file = path / victim if path.is_dir() else path
        good = file.read_bytes()
        file.write_bytes(good[:-1] + bytes([good[-1] ^ 1]))
        assert "other bytes" in found(), victim
        file.write_bytes(good + b"x")
        assert found(), victim
        file.unlink()
        assert found(), victim
        file.write_bytes(good)
    assert found() == ""


@formats
def test_a_file_without_vectors_is_written(one: Format, tmp_path: Path) -> None:
    path = tmp_path / f"a_ESM{one.suffix}"
    writer(one).write(path, content_of([]))
    stored = reader(one).read(path)
    assert (list(stored.ids), list(stored.vectors())) == ([], [])


@formats
def test_metadata_of_any_size_is_kept(one: Format, tmp_path: Path) -> None:
    path = tmp_path / f"a_ESM{one.suffix}"
    large = METADATA | {"truncated_ids": [f"protein_{number}" for number in range(20_000)]}
    writer(one).write(path, content_of(["p"], metadata=large))
    assert reader(one).read(path).metadata == large


@pytest.mark.parametrize("one", [one for one in ALL if one.name != "virnucpro"], ids=named)
def test_vectors_are_not_gathered_in_memory(one: Format, tmp_path: Path) -> None:
    width, rows = 2000, 600 if one.name == "esm" else 3070
    entries = entries_of([f"p{number}" for number in range(rows)])

    def vectors() -> Iterator[Row]:
        return (np.zeros(width, np.float32) for _ in range(rows))

    writer(one).write(tmp_path / "warm", content_of(["p"], width))
    tracemalloc.start()
    writer(one).write(
        tmp_path / "a", Content(entries, Representations.mean(6, width), vectors, METADATA)
    )
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 0.6 * rows * width * 4


@formats
@pytest.mark.parametrize("content", [b"", b"nonsense" * 100, None])
def test_what_is_broken_is_told_in_one_line(
    content: bytes | None, one: Format, tmp_path: Path
) -> None:
    path = tmp_path / f"a_ESM{one.suffix}"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UserError, match="a_ESM") as caught:
        list(reader(one).read(path).vectors())
    assert "\n" not in str(caught.value)


@all_formats
def test_a_file_that_cannot_grow_is_an_error_of_the_system(one: Format, tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    content = content_of([f"p{number}" for number in range(300)], width=300)
    limit = 1000 if one.name in ("esm", "index") else 100_000
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
    try:
        with pytest.raises(OSError, match=r"File too large") as caught:
            writer(one).write(tmp_path / "a", content)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert caught.value.errno == errno.EFBIG


@formats
def test_vectors_that_do_not_match_the_ids_are_a_mistake(one: Format, tmp_path: Path) -> None:
    for rows in (1, 3):
        matrix = vectors_of(rows)
        content = Content(entries_of(["p", "q"]), KEPT, partial(iter, matrix), METADATA)
        with pytest.raises(ValueError, match=r"zip\(\)"):
            writer(one).write(tmp_path / "a", content)


HOLDS = {"plain": "the mean of one layer", "fixed": "vectors", "all": "all"}


@formats
def test_the_manual_says_what_a_format_holds_and_how_to_load_it(one: Format) -> None:
    text = page("outputs")
    rows = [line for line in text.splitlines() if line.startswith(f"| `{one.name}`")]
    told = [row.split(" | ")[1] for row in rows]
    assert told == [HOLDS[one.holds]], f"manual/outputs.md has no such row for {one.name}"
    assert f"embeddings/sample_ESM{one.suffix}" in text, "manual/outputs.md does not load it"


def test_formats_are_written_with_commas_and_never_twice() -> None:
    assert parse_formats("virnucpro") == ("virnucpro",)
    assert parse_formats("h5, npz,h5") == ("h5", "npz")
    assert [format_of(Path("x_ESM.npz")), format_of(Path("x.pt"))] == [
        FORMATS["npz"],
        FORMATS["virnucpro"],
    ]


@pytest.mark.parametrize(
    ("text", "answer"),
    [("hdf5", r"did you mean h5\?"), ("", "choose from virnucpro, esm"), ("h5,x", "'x'")],
)
def test_an_unknown_format_is_answered_with_what_there_is(text: str, answer: str) -> None:
    with pytest.raises(UserError, match=f"unknown format .*{answer}"):
        parse_formats(text)
