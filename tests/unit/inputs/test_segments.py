"""Where large files are cut: at records, and nowhere else."""

from __future__ import annotations

import errno
import gzip
import hashlib
import os
import re
from codecs import BOM_UTF8
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tui_balancer.inputs.blocks import read_blocks
from tui_balancer.inputs.content import read_fasta
from tui_balancer.inputs.counting import count_plain
from tui_balancer.inputs.counts import NOTHING, Counted
from tui_balancer.inputs.duplicates import DuplicateIndex
from tui_balancer.inputs.fasta import FastaStream
from tui_balancer.inputs.finding.discovery import InputFile
from tui_balancer.inputs.ids import distinct, taken_apart
from tui_balancer.inputs.records import ReadingRules
from tui_balancer.inputs.scan import scan_file
from tui_balancer.inputs.segments import Stretch, grouped, joint, segments

RULES = ReadingRules(max_length=8, segment_bytes=20)

ENDS = st.sampled_from([b"\n", b"\r\n", b"\r"])
HEADERS = st.sampled_from(
    [b"a", b"a > b", b"", b">x", b" y z", "é".encode(), b"\xff\xfe", b"a\tb", b"long header " * 3]
)
SEQUENCES = st.lists(
    st.sampled_from([b"MK", b"ACDEFGHIKL", b"", b"m-k*", b"JJ", b";>"]), max_size=3
)


@st.composite
def files(draw: st.DrawFn) -> bytes:
    """Return a file that can be read: at least one record has residues."""
    end = draw(ENDS)
    records = [*draw(st.lists(st.tuples(HEADERS, SEQUENCES), max_size=12)), (b"last", [b"MKV"])]
    marks = st.sampled_from([b"", b"", b"", BOM_UTF8, BOM_UTF8 * 2])
    text = end.join(end.join((draw(marks) + b">" + header, *lines)) for header, lines in records)
    start = draw(st.sampled_from([b"", BOM_UTF8, end, b"  " + end]))
    return start + text + draw(st.sampled_from([b"", end, end * 2]))


def written(folder: Path, content: bytes) -> Path:
    path = folder / "huge.faa"
    path.write_bytes(content)
    return path


@settings(deadline=None)
@given(content=files(), size=st.integers(1, 60))
def test_segments_cover_the_file_and_hold_its_records(
    content: bytes, size: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = written(tmp_path_factory.mktemp("cut"), content)
    cuts = segments(path, size)
    if not cuts:
        assert len(content) <= size or not re.search(rb"[\r\n]>", content[size - 1 :])
        return
    assert (cuts[0].begin, cuts[-1].end) == (0, len(content))
    assert all(one.end == other.begin for one, other in pairwise(cuts))
    # Each but the first begins with a header, within other multiples of the size than the rest.
    assert all(content[cut.begin : cut.begin + 1] == b">" for cut in cuts[1:])
    assert len({cut.begin // size for cut in cuts}) == len(cuts)

    whole = list(FastaStream(path, RULES).all_records())
    found = []
    for cut in cuts:
        stream = FastaStream(path, RULES, cut)
        found += list(stream.all_records())
        assert stream.sha256 == hashlib.sha256(content[cut.begin : cut.end]).hexdigest()
        following = cuts[cuts.index(cut) + 1 :]
        assert stream.position == (following[0].before if following else stream.position)
    assert found == whole


@settings(deadline=None)
@given(content=files(), size=st.integers(1, 60), shard=st.integers(1, 200))
def test_shards_hold_what_the_file_does(
    content: bytes, size: int, shard: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = written(tmp_path_factory.mktemp("cut"), content)
    rules = replace(RULES, segment_bytes=size)
    whole = read_fasta(path, rules)
    file = InputFile(str(path), path.name)
    scan = scan_file(file, rules, shard_bytes=shard)
    assert scan.error == ""
    undivided = replace(scan, shards=())
    assert undivided == scan_file(file, rules)
    if not scan.shards:
        return
    parts = [read_fasta(path, rules, one.stretch) for one in scan.shards]
    together = sum((one.counts for one in scan.shards), NOTHING)
    # An id that occurs in two segments is seen only where the file is read as a whole.
    assert replace(together, duplicates=scan.counts.duplicates) == scan.counts
    assert [part.sha256 for part in parts] == [one.sha256 for one in scan.shards]
    assert sum(len(part.left_out) for part in parts) == len(whole.left_out)

    # The same records at the same places, whose ids are those of the file once all are known.
    records = [record for part in parts for record in part.records]
    ids = [taken_apart(record.id)[1] for record in records]
    named = zip(records, distinct(ids), strict=True)
    assert [replace(record, id=name) for record, name in named] == [
        replace(record, repeats="") for record in whole.records
    ]
    # And the same segments.
    begins = [
        begin + sum(len(before.records) for before in parts[:place])
        for place, part in enumerate(parts)
        for begin in part.segments
    ]
    assert begins == list(whole.segments)


def test_a_census_has_the_segments_of_a_file_as_if_they_were_files(tmp_path: Path) -> None:
    path = written(tmp_path, b">a\nMKVLAAGIVG\n>b\nACDE\n>c\nMKVLAAGIVG\n>d\nWW\n")
    file = InputFile(str(path), path.name)
    duplicate_index, shards = DuplicateIndex(), DuplicateIndex()
    result = scan_file(file, RULES, duplicate_index=duplicate_index)
    scan_file(file, RULES, duplicate_index=shards, shard_bytes=1)
    assert [cut.before for cut in result.segments] == [0, 2]
    assert list(duplicate_index.lengths) == [8, 4, 8, 2]
    assert list(duplicate_index.ends) == [2, 4]
    assert duplicate_index == shards


def test_a_header_that_goes_on_through_segments_leaves_them_empty(tmp_path: Path) -> None:
    path = written(tmp_path, b">a " + b"> " * 40 + b"\nMK\n>b\nMK\n")
    assert segments(path, 20) == (Stretch(0, 87), Stretch(87, 93, 1))


@pytest.mark.parametrize(
    "content",
    [b">a\nMK\n", gzip.compress(bytes(range(100)), mtime=0), b"PK\3\4" * 20],
    ids=["small", "gzip", "zip"],
)
def test_small_and_packed_files_have_no_segments(content: bytes, tmp_path: Path) -> None:
    assert segments(written(tmp_path, content), 20) == ()


def test_a_pipe_is_not_looked_into(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    assert segments(path, 20) == ()


def test_a_stretch_is_cut_like_its_file(tmp_path: Path) -> None:
    path = written(tmp_path, b"".join(b">p%d\nMKVLAA\n" % number for number in range(30)))
    cuts = segments(path, 50)
    assert len(cuts) > 5
    for group in grouped(cuts, 100, 50):
        assert segments(path, 50, joint(group)) == tuple(group)


def test_shards_are_made_of_as_many_segments_as_they_hold() -> None:
    cuts = [Stretch(number * 20, number * 20 + 20) for number in range(5)]
    assert [len(group) for group in grouped(cuts, 50, 20)] == [3, 2]
    assert [len(group) for group in grouped(cuts, 1, 20)] == [1] * 5
    assert joint(cuts[1:3]) == Stretch(20, 60)


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (b">a\nMKVLAAGIVG\n>b\nACDE\n>c\nMK1\n", "line 6: '1' is not a residue"),
        (b">a\nACGTACGTAC\n" * 200, "looks like nucleotides"),
        (b">a\n>b\n>c\n>d\n>e\n>f\n>g\n>h\n", "none of its 8 records has residues"),
    ],
)
def test_a_large_file_is_refused_for_what_is_in_all_of_it(
    content: bytes, error: str, tmp_path: Path
) -> None:
    path = written(tmp_path, content)
    duplicate_index = DuplicateIndex()
    result = scan_file(
        InputFile(str(path), path.name), RULES, duplicate_index=duplicate_index, shard_bytes=1
    )
    assert error in result.error
    assert (result.shards, result.segments, list(duplicate_index.ends)) == ((), (), [0])


def test_a_file_that_changes_between_two_looks_of_the_scan_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = written(tmp_path, b">a\nMKVLAAGIVG\n>b\nACDE\n>c\nMK\n")
    looked: list[int] = []

    def counting(*given: Any) -> Counted | None:
        counted = count_plain(*given)
        if not looked:
            # As long as before, with as many residues.
            path.write_bytes(b">a\nMKVLAAGIVG\n>b\nACDW\n>c\nMK\n")
            os.utime(path, ns=(0, 0))
        looked.append(len(given))
        return counted

    monkeypatch.setattr("tui_balancer.inputs.scan.count_plain", counting)
    duplicate_index = DuplicateIndex()
    result = scan_file(InputFile(str(path), path.name), RULES, duplicate_index=duplicate_index)
    assert len(looked) == 1
    assert result.error == "it changed while it was read"
    assert (result.segments, list(duplicate_index.ends), len(duplicate_index.lengths)) == (
        (),
        [0],
        0,
    )


def test_a_file_that_breaks_off_in_a_later_segment_leaves_nothing_in_the_census(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = written(tmp_path, b">a\nMKVLAAGIVG\n>b\nACDE\n>c\nMK\n")
    begun: list[int] = []

    def blocks(read: Callable[[int], bytes], left: int) -> Iterator[bytes]:
        begun.append(left)
        if len(begun) > 1:
            raise OSError(errno.EIO, "Input/output error")
        return read_blocks(read, left)

    monkeypatch.setattr("tui_balancer.inputs.counting.read_blocks", blocks)
    duplicate_index = DuplicateIndex()
    result = scan_file(InputFile(str(path), path.name), RULES, duplicate_index=duplicate_index)
    assert result.error == "cannot be read: Input/output error"
    assert (list(duplicate_index.ends), len(duplicate_index.lengths)) == ([0], 0)
