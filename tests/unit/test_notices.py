"""Warnings of a scan: they add up over files, and name file, line and record of the first three."""

from __future__ import annotations

import codecs
import gzip
from collections.abc import Callable
from pathlib import Path

import pytest

from tui_balancer.inputs.content import read_fasta
from tui_balancer.inputs.finding.discovery import find_inputs
from tui_balancer.inputs.locating import InputError
from tui_balancer.inputs.records import ReadingRules
from tui_balancer.inputs.scan import scan
from tui_balancer.notices import (
    EXAMPLES,
    REASONS,
    Example,
    Notice,
    NoticeKind,
    Notices,
    notice_line,
)
from tui_balancer.notices import SUSPECT as SUSPECT_KINDS

RULES = ReadingRules(max_length=9)


def warnings_of(folder: Path, rules: ReadingRules = RULES) -> tuple[Notice, ...]:
    notices = Notices()
    scan(find_inputs([folder]), rules, notices=notices)
    return notices.all()


def test_they_add_up_and_keep_the_first_examples() -> None:
    notices = Notices()
    for number in range(5):
        wanted = notices.wants(NoticeKind.EMPTY)
        assert wanted == (2 * number < EXAMPLES)
        examples = [Example(f"{number}.faa", line) for line in (1, 2)] if wanted else []
        notices.add(NoticeKind.EMPTY, 3, examples)
    (notice,) = notices.all()
    assert (notice.kind, notice.count, notice.files) == (NoticeKind.EMPTY, 15, 5)
    assert [(one.file, one.line) for one in notice.examples] == [
        ("0.faa", 1),
        ("0.faa", 2),
        ("1.faa", 1),
    ]
    assert notice.text == "empty sequences are left out: 15 in 5 files"


# What is found in it, by kind: how often, and the lines and ids of the first records.
ODD = """\
>short
MKV

>long1 of ten
MKVLLAWTYR
>none
>short
MKVL
>none
>short
MKVLL
>
MKVLLAWTYRMKV
LLAW
>none
-*
>stop
MK*V
>short
MKVJ
>short
MJJ
>none
>stop
MK
"""


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("packed", [False, True])
def test_each_names_the_first_records_with_line_and_id(
    tmp_path: Path, newline: str, packed: bool
) -> None:
    data = ODD.replace("\n", newline).encode()
    name = "odd.faa.gz" if packed else "odd.faa"
    (tmp_path / name).write_bytes(gzip.compress(data) if packed else data)
    (tmp_path / "good.faa").write_text(">short\nMKV\n")
    found = {
        notice.kind: (notice.count, [(one.line, one.record) for one in notice.examples])
        for notice in warnings_of(tmp_path)
    }
    assert found == {
        NoticeKind.TRUNCATED: (2, [(4, "long1"), (12, "sequence_7")]),
        NoticeKind.REPLACED: (4, [(17, "stop"), (19, "short"), (21, "short")]),
        NoticeKind.EMPTY: (4, [(6, "none"), (9, "none"), (15, "none")]),
        NoticeKind.REPEATED_ID: (5, [(7, "short"), (10, "short"), (19, "short")]),
    }
    assert {one.file for notice in warnings_of(tmp_path) for one in notice.examples} == {name}


@pytest.mark.parametrize(
    ("long", "kind"),
    [
        ("truncate", NoticeKind.TRUNCATED),
        ("window", NoticeKind.WINDOWED),
        ("skip", NoticeKind.TOO_LONG),
    ],
)
def test_what_becomes_of_long_sequences_is_named(
    tmp_path: Path, long: str, kind: NoticeKind
) -> None:
    (tmp_path / "a.faa").write_text(">a\nMKV\n>b\nMKVLLAWTYR\n")
    (notice,) = warnings_of(tmp_path, ReadingRules(max_length=9, long=long))  # type: ignore[arg-type]
    assert (notice.kind, notice.examples) == (kind, (Example("a.faa", 3, "b"),))


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_comments_and_byte_order_marks_are_named_with_their_lines(
    tmp_path: Path, pack: Callable[[bytes], bytes]
) -> None:
    comments = b";note\n>a\nMKV\n;>b\nLL\n" + b";\n" * 9
    joined = codecs.BOM_UTF8 + b">a\nMKV\n" + codecs.BOM_UTF8 + b">b\nMK\n"
    (tmp_path / "comments.faa").write_bytes(pack(comments))
    (tmp_path / "joined.faa").write_bytes(pack(joined))
    comment, mark = warnings_of(tmp_path)
    assert notice_line(comment) == (
        "comment lines, which begin with ';', are skipped: 11 in 1 file "
        "(comments.faa line 1; comments.faa line 4; comments.faa line 6)"
    )
    assert notice_line(mark) == (
        "byte-order marks inside a file are dropped: 1 in 1 file (joined.faa line 3)"
    )


def test_a_file_that_fails_warns_of_nothing(tmp_path: Path) -> None:
    (tmp_path / "a.faa").write_text(">a\n>a\nMKJ\n>a\nMKV1\n")
    assert warnings_of(tmp_path) == ()


def test_the_lines_are_those_of_the_whole_file_also_where_it_is_read_in_segments(
    tmp_path: Path,
) -> None:
    (tmp_path / "a.faa").write_text(">a\nMKV\n" * 30 + ">b\n\n" + ">c\nMKV\n" * 30)
    rules = ReadingRules(segment_bytes=50)
    empty = next(one for one in warnings_of(tmp_path, rules) if one.kind is NoticeKind.EMPTY)
    assert empty.examples == (Example("a.faa", 61, "b"),)


def test_what_is_printed_of_an_id_cannot_steer_a_terminal(tmp_path: Path) -> None:
    (tmp_path / "a.faa").write_text(">a\x1b[2J\n>b\nMKV\n")
    (notice,) = warnings_of(tmp_path)
    assert (
        notice_line(notice) == r"empty sequences are left out: 1 in 1 file (a.faa line 1: a\x1b[2J)"
    )


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_headers_that_are_not_utf_8_are_named(tmp_path: Path, newline: str) -> None:
    text = ">a\nMKV\n>p_\xd7 sieg\nMKV\n>b >\xe9\nMKV\n>c\nMKV\n>\xfc\nMKV\n>\xfc\nM\n"
    (tmp_path / "a.faa").write_bytes(text.replace("\n", newline).encode("latin-1"))
    (tmp_path / "b.faa").write_text(text)
    kinds = {one.kind: one for one in warnings_of(tmp_path)}
    notice = kinds[NoticeKind.HEADER_BYTES]
    assert (notice.count, notice.files) == (4, 1)
    assert [(one.line, one.detail) for one in notice.examples] == [
        (3, r"p_\xd7 sieg"),
        (5, r"b >\xe9"),
        (9, r"\xfc"),
    ]
    assert notice.text == r"headers are not UTF-8, their other bytes are kept as \x..: 4 in 1 file"


GENE = "ATGGCTAAAGGTCTG" * 40 + "TAA"

SUSPECT = {
    "ids in place of sequences": (
        ">seqA\nseqA\n>seqC\nseqC\n",
        {NoticeKind.ID_AS_SEQUENCE: [(1, "seqA"), (3, "seqC")]},
    ),
    "three-letter codes": (
        ">a\nMET LYS THR ALA\n>b\nMKV\n",
        {NoticeKind.THREE_LETTER: [(1, "a")]},
    ),
    "secondary structure": (
        ">query\nMKTAYIAKQR\n>ss_pred\nCCHHHHEEEE\n>ss_conf\n>1abc:A:secstr\nHHHHHCCCCC\n",
        {
            NoticeKind.EMPTY: [(5, "ss_conf")],
            NoticeKind.SECONDARY_STRUCTURE: [(3, "ss_pred"), (6, "1abc:A:secstr")],
        },
    ),
    "words": (
        ">P12345\nNot Found\n>a\nMKTAYIAK\nError fetching sequence\n>b\nMSER\n",
        {NoticeKind.WORDS: [(1, "P12345"), (3, "a")]},
    ),
    "a gene among proteins": (
        f">a\nMKV\n>g1\n{GENE}\n>b\nMKV\n",
        {NoticeKind.NUCLEOTIDES: [(3, "g1")]},
    ),
}


@pytest.mark.parametrize("case", SUSPECT)
def test_what_seems_to_be_no_sequence_is_named(tmp_path: Path, case: str) -> None:
    text, expected = SUSPECT[case]
    (tmp_path / "a.faa").write_text(text)
    found = {
        notice.kind: [(one.line, one.record) for one in notice.examples]
        for notice in warnings_of(tmp_path, ReadingRules())
    }
    assert found == expected


@pytest.mark.parametrize("case", SUSPECT)
def test_strict_fails_such_a_file_and_no_other(tmp_path: Path, case: str) -> None:
    text, expected = SUSPECT[case]
    (tmp_path / "a.faa").write_text(text)
    (tmp_path / "b.faa").write_text(">a\n\n>a\nMKJ\n>a\nMKV\n")
    notices = Notices()
    bad, good = scan(find_inputs([tmp_path]), ReadingRules(strict=True), notices=notices)
    (kind,) = expected.keys() & SUSPECT_KINDS
    line, record = expected[kind][0]
    assert bad.error == f"line {line}: {record}: {REASONS[kind]} (--strict)"
    assert not good.error
    assert {one.kind for one in notices.all()}.isdisjoint(SUSPECT_KINDS)


REFUSED = {
    "PIR": (
        ">P1;CRAB_XXXXX\nALPHA CRYSTALLIN B CHAIN.\n  MDITIHNPLI RRPLFSWLAP*\n",
        "line 1: this is PIR, where a title follows the header; convert it to FASTA",
    ),
    "PIR without its asterisk": (">P1;X\nCRAB title here\nMKVFQAAAK\n", "line 1: this is PIR"),
    "PIR further down": (">a\nMKV\n\n>F1;x\nTITLE\nMKV*\n", "line 4: this is PIR"),
    "SaProt's tokens": (
        ">a\nMaKbTdVsLlKpAaGgHhRrEeMdKv\n",
        "line 1: letters alternate in case, as in SaProt's structure-aware sequences",
    ),
    "a short gene": (f">g1\n{GENE}\n", "looks like nucleotides: 100.0% of 603 letters"),
    "short genes": (">a\nACGTTGCATGCCAGTA\n>b\nRCGTTGCATGCCAGTACCAGT\n", "looks like nucleotides"),
    "an error page": (
        ">P1\n<html><body>404</body></html>\n",
        "line 2: '<' is not a residue (a web page in place of a sequence?)",
    ),
    "SaProt's tokens with an unsure structure": (
        ">a\nMaK#T#V#L#\n",
        "line 2: '#' is not a residue (one of SaProt's structure-aware tokens?)",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_surely_no_protein_is_refused(tmp_path: Path, case: str) -> None:
    text, reason = REFUSED[case]
    (tmp_path / "a.faa").write_text(text)
    notices = Notices()
    (found,) = scan(find_inputs([tmp_path]), ReadingRules(), notices=notices)
    assert found.error.startswith(reason)
    assert notices.all() == ()
    with pytest.raises(InputError) as refusal:
        read_fasta(tmp_path / "a.faa", ReadingRules())
    assert str(refusal.value) == found.error


def test_genes_are_read_where_they_are_wanted(tmp_path: Path) -> None:
    (tmp_path / "a.fna").write_text(f">g1\n{GENE}\n")
    assert warnings_of(tmp_path, ReadingRules(allow_nucleotide=True)) == ()


def test_peptides_that_are_named_by_their_sequences_are_proteins(tmp_path: Path) -> None:
    (tmp_path / "a.faa").write_text(">SIINFEKL\nSIINFEKL\n>GAG\nGAG\n>long one\n\n")
    kinds = {one.kind for one in warnings_of(tmp_path)}
    assert kinds == {NoticeKind.EMPTY}
    (tmp_path / "a.faa").write_text(">SIINFEKL\nSIINFEKL\n>b\nGAG\n")
    assert {one.kind for one in warnings_of(tmp_path)} == {NoticeKind.ID_AS_SEQUENCE}
