"""Windows of long sequences, and what the scan counts for each way of treating them."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui_balancer.inputs.content import read_fasta
from tui_balancer.inputs.duplicates import DuplicateIndex
from tui_balancer.inputs.finding.discovery import find_inputs
from tui_balancer.inputs.records import ReadingRules
from tui_balancer.inputs.scan import scan
from tui_balancer.inputs.windows import OVERLAP_SHARE, pieces, windows
from tui_balancer.notices import NoticeKind, Notices


@given(length=st.integers(1, 5000), max_length=st.integers(1, 600))
def test_windows_cover_a_sequence_with_the_overlap_that_is_promised(
    length: int, max_length: int
) -> None:
    found = windows(length, max_length)
    assert found[0][0] == 0
    assert found[-1][1] == length
    if length <= max_length:
        assert len(found) == 1
        return
    assert {end - start for start, end in found} == {max_length}
    overlaps = [one[1] - two[0] for one, two in pairwise(found)]
    assert min(overlaps) >= max_length // OVERLAP_SHARE
    fewer = max_length + (len(found) - 2) * (max_length - max_length // OVERLAP_SHARE)
    assert fewer < length


@pytest.fixture
def fasta(tmp_path: Path) -> Path:
    path = tmp_path / "a.fasta"
    path.write_text(f">short\nMKVLA\n>long one\n{'MKVLAAGITG' * 2}\n>exact\n{'W' * 8}\n")
    return path


def scanned(fasta: Path, rules: ReadingRules) -> tuple[int, ...]:
    notices = Notices()
    (one,) = scan(find_inputs([str(fasta)]), rules, notices=notices)
    assert not one.error
    counts = one.counts
    told = {notice.kind: notice.count for notice in notices.all()}
    kinds = (NoticeKind.TRUNCATED, NoticeKind.WINDOWED, NoticeKind.TOO_LONG)
    kept = (counts.sequences, counts.residues, counts.tokens)
    return (*kept, *(told.get(kind, 0) for kind in kinds))


def test_each_way_counts_what_it_embeds(fasta: Path) -> None:
    assert scanned(fasta, ReadingRules(8)) == (3, 21, 21 + 6, 1, 0, 0)
    # Three windows of 8 residues cover 20.
    assert scanned(fasta, ReadingRules(8, long="window")) == (3, 33, 13 + 24 + 10, 0, 1, 0)
    assert scanned(fasta, ReadingRules(8, long="skip")) == (2, 13, 13 + 4, 0, 0, 1)


def test_each_way_reads_what_it_counts(fasta: Path) -> None:
    whole = read_fasta(fasta, ReadingRules(8, long="window"))
    assert [len(record.residues) for record in whole.records] == [5, 20, 8]
    assert not whole.records[1].truncated
    short = read_fasta(fasta, ReadingRules(8, long="skip"))
    assert [record.id for record in short.records] == ["short", "exact"]
    (left,) = short.left_out
    assert (left.id, left.header, left.length, left.residues) == ("long", "long one", 20, "")


def test_a_file_of_long_sequences_alone_has_nothing_to_skip_to(tmp_path: Path) -> None:
    (tmp_path / "a.fasta").write_text(">a\nMKVLAAG\n")
    (one,) = scan(find_inputs([str(tmp_path)]), ReadingRules(4, long="skip"))
    assert one.error.startswith("all of its sequences are longer than 4 residues")


def test_the_census_knows_the_pieces_of_usable_files(tmp_path: Path) -> None:
    (tmp_path / "a.fasta").write_text(">a\nMKVLAAGW\n>b\nMKVL\n")
    (tmp_path / "b.fasta").write_text(">c\nMKVL\n>d\n%\n")
    (tmp_path / "c.fasta").write_text(">e\nMKVL\n")
    duplicate_index, rules = DuplicateIndex(), ReadingRules(4, long="window")
    scan(find_inputs([str(tmp_path)]), rules, duplicate_index=duplicate_index)
    expected = DuplicateIndex()
    for piece in (*pieces("MKVLAAGW", rules), "MKVL", "MKVL"):
        expected.add(piece.encode(), first=True)
    assert duplicate_index.hashes == expected.hashes
    assert list(duplicate_index.lengths) == [4] * 5
    assert list(duplicate_index.firsts) == [1, 0, 0, 1, 1]
    assert list(duplicate_index.ends) == [4, 4, 5]
