"""Plain files are counted fast; whatever the file, both ways come to the same."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tui_balancer.alphabets import NUCLEOTIDE, PROTEIN, Alphabet
from tui_balancer.inputs import blocks
from tui_balancer.inputs import scan as module
from tui_balancer.inputs.counting import count_plain
from tui_balancer.inputs.duplicates import DuplicateIndex
from tui_balancer.inputs.finding.discovery import InputFile
from tui_balancer.inputs.records import ReadingRules
from tui_balancer.inputs.scan import FileScan, scan_file
from tui_balancer.inputs.segments import SEGMENT_BYTES
from tui_balancer.notices import Notice, Notices

File = tuple[list[tuple[str, list[str]]], str, str]

headers = st.text(
    st.sampled_from("ab |\t>@\0\x01é\N{NO-BREAK SPACE}\x0b\x1c\N{REPLACEMENT CHARACTER}"),
    max_size=4,
)
plain_lines = st.text(st.sampled_from("MKVLAGCTUX"), max_size=9)
nasty_lines = st.text(st.sampled_from("MkJ*-. >@+\r\0ß1;\N{ZERO WIDTH NO-BREAK SPACE}"), max_size=5)
suspect_lines = st.sampled_from(
    (
        *("ACGTTGCATGCCAGTA", "acgttgcatgccagta", "METLYSTHRALA", "MetLysThrAla", "CCHHHHEEEE"),
        *("NOTFOUND", "NotFound", "None", "MaKbTdVsLlKpAaGgHhRrEe", "ab", "Wab", "MKV*"),
    )
)
lines = st.one_of(plain_lines, plain_lines, plain_lines, nasty_lines, suspect_lines)
base_lines = st.text(st.sampled_from("ACGTNacgtn"), max_size=9)
odd_base_lines = st.sampled_from(
    ("ACGU", "ACRY-X", "nan", "None", "ab", "MKRSTWYVHDGAC", "MKVLE", "ACG*", "AC\0", ";x")
)
nucleotide_lines = st.one_of(base_lines, base_lines, base_lines, base_lines, odd_base_lines)


def files_of(lines: st.SearchStrategy[str]) -> st.SearchStrategy[File]:
    """Return files: records, what ends a line, and what comes first."""
    records = st.tuples(headers, st.lists(lines, max_size=3))
    return st.tuples(
        st.lists(records, max_size=6),
        st.sampled_from(["\n", "\n", "\n", "\r\n", "\r"]),
        st.sampled_from(["", "", "", "\n", " ", ";x\n", "\N{ZERO WIDTH NO-BREAK SPACE}"]),
    )


def rules(*alphabets: Alphabet) -> st.SearchStrategy[ReadingRules]:
    return st.builds(
        ReadingRules,
        max_length=st.integers(1, 12),
        allow_nucleotide=st.booleans(),
        long=st.sampled_from(["truncate", "window", "skip"]),
        segment_bytes=st.sampled_from([9, SEGMENT_BYTES]),
        strict=st.booleans(),
        alphabet=st.sampled_from(alphabets),
    )


def both_ways(
    path: Path, how: ReadingRules
) -> tuple[tuple[FileScan, DuplicateIndex, tuple[Notice, ...]], ...]:
    file = InputFile(str(path), path.name)
    answers = []
    with pytest.MonkeyPatch.context() as patch:
        for _ in range(2):
            duplicate_index = DuplicateIndex()
            notices = Notices()
            found = scan_file(file, how, None, duplicate_index, shard_bytes=20, notices=notices)
            answers.append((found, duplicate_index, notices.all()))
            patch.setattr(module, "count_plain", lambda *arguments: None)
    return tuple(answers)


BLOCKS = st.sampled_from([7, 20, 1 << 18])

OTHER = Alphabet("ACDEFGHIKLMNPQRSTVWY", "A", before=0)


@settings(deadline=None, max_examples=400)
@given(files_of(lines), rules(PROTEIN, OTHER), BLOCKS)
def test_both_ways_come_to_the_same(
    tmp_path_factory: pytest.TempPathFactory, file: File, how: ReadingRules, block: int
) -> None:
    come_to_the_same(tmp_path_factory, file, how, block)


@settings(deadline=None, max_examples=400)
@given(files_of(nucleotide_lines), rules(NUCLEOTIDE, replace(NUCLEOTIDE, token_letters=5)), BLOCKS)
def test_both_ways_come_to_the_same_for_nucleotides(
    tmp_path_factory: pytest.TempPathFactory, file: File, how: ReadingRules, block: int
) -> None:
    come_to_the_same(tmp_path_factory, file, how, block)


def come_to_the_same(
    tmp_path_factory: pytest.TempPathFactory, file: File, how: ReadingRules, block: int
) -> None:
    told, newline, before = file
    text = before + "".join(
        f">{header}{newline}{newline.join(sequence)}{newline}" for header, sequence in told
    )
    path = tmp_path_factory.getbasetemp() / "counted.fasta"
    # What stands for a character that is lost becomes a byte that is not UTF-8.
    path.write_bytes(text.encode().replace("\N{REPLACEMENT CHARACTER}".encode(), b"\xd7"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(blocks, "_BLOCK_BYTES", block)
        fast, slow = both_ways(path, how)
    assert fast == slow


@pytest.mark.parametrize("letters", ["ACDEFGHIKLMNPQRSTVWY", "acdefghik", "ACGT", "ACGTACGTACGTL"])
@pytest.mark.parametrize("stop", ["", "*"])
def test_plain_files_are_counted_without_the_slower_way(
    tmp_path: Path, letters: str, stop: str
) -> None:
    dice = random.Random(1)
    path = tmp_path / "plain.fasta"
    path.write_text(
        "".join(
            f">protein_{number} some words\n{''.join(dice.choices(letters, k=70))}{stop}\n"
            for number in range(2500)
        )
    )
    nucleic = set("ACGT") >= set(letters)
    how = ReadingRules(max_length=50, allow_nucleotide=nucleic)
    found = count_plain(path, how)
    assert found is not None
    counts = found.counts
    assert (counts.sequences, counts.residues) == (2500, 125_000)
    fast, slow = both_ways(path, how)
    assert fast == slow


@pytest.mark.parametrize("lines", [1, 10])
def test_records_longer_than_a_block_are_counted_and_those_of_no_protein_left_to_the_slower_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lines: int
) -> None:
    monkeypatch.setattr(blocks, "_BLOCK_BYTES", 50)
    monkeypatch.setattr(blocks, "_LONGEST_BLOCKS", 8)
    path = tmp_path / "long.fasta"
    long = "MKVLLAWTYR" * 7 + "\n"
    path.write_text(f">a\nMKV\n>titin\n{long * lines}>b\nMK\n")
    assert (count_plain(path, ReadingRules()) is not None) is (lines == 1)
    fast, slow = both_ways(path, ReadingRules())
    assert fast == slow
    assert fast[0].counts.residues == 70 * lines + 5


def test_a_nucleic_acid_is_refused_with_the_reason(tmp_path: Path) -> None:
    path = tmp_path / "genome.fasta"
    path.write_text(">one\n" + "ACGT" * 300 + "\n")
    assert count_plain(path, ReadingRules()) is None
    (fast, *_), (slow, *_) = both_ways(path, ReadingRules())
    assert fast == slow
    assert "looks like nucleotides" in fast.error
