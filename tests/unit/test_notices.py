"""Warnings of a scan: they add up over files, and name file, line and record of the first three."""

from __future__ import annotations

import codecs
import gzip
from collections.abc import Callable
from pathlib import Path

import pytest

from tui_balancer.inputs.discovery import find_inputs
from tui_balancer.inputs.records import ReadingRules
from tui_balancer.inputs.scan import scan
from tui_balancer.notices import EXAMPLES, Example, Notice, NoticeKind, Notices, notice_line

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
