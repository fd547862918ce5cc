"""The page of a run: what is on it, what is not, and that nothing from outside becomes HTML."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tests.support.commands import tui_balancer_here
from tests.support.told_run import BAD, HOSTILE, NAMES, told_run
from tui_balancer import failures, notices
from tui_balancer.failures import FailureCause
from tui_balancer.formatting import quantity
from tui_balancer.history.history import read_history
from tui_balancer.history.page.axes import time_ticks, value_ticks
from tui_balancer.history.page.html import MOST_FILES, headline, page
from tui_balancer.history.page.throughput import HEIGHT, throughput
from tui_balancer.history.page.timeline import WIDTH, timeline
from tui_balancer.history.run_report import RunReport, Transfer, account_of
from tui_balancer.notices import Example, Notice, NoticeKind
from tui_balancer.view.run_state import SpanEnd
from tui_balancer.view.spans import Span


class Parsed(HTMLParser):
    """A page taken apart: elements with their attributes, and the text between them."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attributes)))

    def handle_data(self, data: str) -> None:
        self.words.append(data)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return told_run(tmp_path_factory.mktemp("told"))


@pytest.fixture(scope="module")
def account(folder: Path) -> RunReport:
    return account_of(read_history(folder))


def test_the_page_loads_nothing_from_anywhere(account: RunReport) -> None:
    html = page(account)
    assert not re.search(r"https?:|//[a-z]|@import|url\(", html)
    for tag, attributes in Parsed(html).elements:
        assert tag not in ("link", "img", "iframe", "object", "embed", "base")
        assert not {"src", "href", "xlink:href", "srcset", "action"} & attributes.keys()


def test_names_and_reasons_stay_text(account: RunReport) -> None:
    parsed = Parsed(page(account))
    assert not [tag for tag, _ in parsed.elements if tag == "img"]
    assert [tag for tag, _ in parsed.elements].count("script") == 1
    assert HOSTILE in parsed.words
    assert "<script>alert(2)</script>" in parsed.words


def test_the_browser_may_run_the_page_s_own_script_and_no_other(account: RunReport) -> None:
    html = page(account)
    (policy,) = [
        attributes["content"]
        for _, attributes in Parsed(html).elements
        if attributes.get("http-equiv") == "Content-Security-Policy"
    ]
    assert policy is not None
    script = html.partition("<script>")[2].partition("</script>")[0]

    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert policy.startswith("default-src 'none'")
    assert f"script-src 'sha256-{digest}'" in policy


def test_every_part_of_the_report_is_there(account: RunReport) -> None:
    parsed = Parsed(page(account))
    sections = [attributes.get("id") for tag, attributes in parsed.elements if tag == "h2"]
    assert sections == [
        *("failures", "timeline", "throughput", "devices", "sessions", "steals", "files"),
    ]
    text = " ".join(parsed.words)
    assert "4 of 6 files done, 2 failed" in text
    assert all(name in text for name in NAMES)


def test_warnings_are_listed_with_their_examples(account: RunReport) -> None:
    examples = (Example("a.faa", 3, "P1"), Example(HOSTILE, 9, "P2"))
    warned = Notice("empty: 4 in 2 files", NoticeKind.EMPTY, 4, 2, examples)
    parsed = Parsed(page(replace(account, warnings=(warned, Notice("unknown card")))))
    assert "warnings" in [one.get("id") for tag, one in parsed.elements if tag == "h2"]
    words = " ".join(" ".join(parsed.words).split())
    where = f"a.faa line 3: P1 {HOSTILE} line 9: P2"
    kind, advice = notices.WORDS[NoticeKind.EMPTY], notices.ADVICE[NoticeKind.EMPTY]
    assert f"{kind} 4 2 {where} {advice} unknown card 1 – {notices.ADVICE[NoticeKind.RUN]}" in words


def test_failures_say_what_to_do(account: RunReport) -> None:
    bad = account.files[BAD]
    assert bad.cause
    words = " ".join(" ".join(Parsed(page(account)).words).split())
    assert f"{bad.name} {bad.reason} {failures.ADVICE[FailureCause(bad.cause)]}" in words


def test_a_run_that_did_nothing_has_a_page_without_pictures(account: RunReport) -> None:
    nothing = replace(
        account, seconds=0.0, spans=(), standings=(), devices=(), transfers=(), done=0
    )
    assert throughput(nothing) is None
    assert "<svg" not in page(nothing)


def test_bytes_that_are_no_text_do_not_break_the_page(account: RunReport) -> None:
    odd = replace(account.files[0], name=b"a\xff.faa".decode("utf-8", "surrogateescape"))
    assert "a?.faa" in page(replace(account, files=(odd, *account.files[1:])))


def test_of_very_many_files_the_costliest_are_shown_and_the_page_says_so(
    account: RunReport,
) -> None:
    many = tuple(
        replace(account.files[0], name=f"file{number}", cost=float(number))
        for number in range(MOST_FILES + 10)
    )
    html = page(replace(account, files=many))
    assert "<td>file10</td>" in html
    assert "<td>file9</td>" not in html
    assert f"The {MOST_FILES:,} files of the highest cost, of {MOST_FILES + 10:,};" in html


def test_the_timeline_puts_spans_where_they_were_in_time(account: RunReport) -> None:
    first, second = timeline(account).rows
    assert (first.device, second.device) == ("cpu:0", "cpu:1")
    bar = first.bars[0]
    assert (bar.x, bar.width) == pytest.approx((2.0 / 20 * WIDTH, 4.0 / 20 * WIDTH))
    assert (bar.kind, NAMES[0] in bar.title) == ("done", True)
    assert [mark.x for mark in first.steals] == pytest.approx([300.0, 725.0])
    assert [mark.x for mark in second.failures] == [700.0]
    (mark,) = timeline(account).sessions
    assert mark.x == 500.0
    began = account.sessions[1].started_at
    assert mark.title == f"session 2 started {began[:10]} {began[11:16]} UTC"
    assert {bar.kind for bar in second.states} == {"loading", "paused"}


def test_a_million_short_files_are_drawn_in_a_thousand_bars(account: RunReport) -> None:
    short = tuple(
        Span("cpu:0", number, 1, f"f{number}", number / 1000, (number + 1) / 1000, SpanEnd.DONE)
        for number in range(20_000)
    )
    steals = tuple(
        Transfer(number / 1000, "steal", "f", "cpu:1", "cpu:0", "") for number in range(20_000)
    )
    row, _ = timeline(replace(account, spans=short, transfers=steals)).rows
    assert len(row.bars) <= WIDTH
    assert len(row.steals) <= WIDTH
    assert sum(bar.width for bar in row.bars) == pytest.approx(WIDTH, rel=0.01)


def test_a_failure_is_seen_among_files_that_are_drawn_together(account: RunReport) -> None:
    ends = [SpanEnd.DONE, SpanEnd.FAILED, SpanEnd.DONE]
    short = tuple(
        Span("cpu:0", number, 1, "f", number / 1000, (number + 1) / 1000, how)
        for number, how in enumerate(ends)
    )
    row, _ = timeline(replace(account, spans=short)).rows
    assert [bar.kind for bar in row.bars] == ["failed"]
    assert len(row.failures) == 1


def test_the_areas_of_the_throughput_hold_all_residues(account: RunReport) -> None:
    picture = throughput(account)
    assert picture is not None
    assert [area.name for area in picture.areas] == ["cpu:0", "cpu:1"]
    corners = [tuple(map(float, corner.split(","))) for corner in picture.areas[-1].points.split()]
    top = corners[: len(corners) // 2]
    area = sum(
        (right[0] - left[0]) * (HEIGHT - left[1])
        for left, right in zip(top[::2], top[1::2], strict=True)
    )
    # The mark of a value gives the scale of the axis.
    value, at = next((tick.text, tick.at) for tick in picture.values if tick.at < HEIGHT)
    a_residue = (HEIGHT - at) / float(value) * WIDTH / account.seconds
    assert quantity(float(value)) == value
    assert area / a_residue == pytest.approx(account.residues, rel=0.01)


@pytest.mark.parametrize("seconds", [0.4, 8.6, 90.0, 4_000.0, 250_000.0])
def test_marks_of_time_are_few_and_in_the_picture(seconds: float) -> None:
    ticks = time_ticks(seconds, WIDTH)
    assert 3 <= len(ticks) <= 11
    assert ticks[0].at == 0
    assert ticks[-1].at <= WIDTH
    assert len({tick.text for tick in ticks}) == len(ticks)


@pytest.mark.parametrize("highest", [0.03, 7.0, 99.0, 9171.0, 2.5e6])
def test_marks_of_values_are_few_and_below_the_highest(highest: float) -> None:
    ticks = value_ticks(highest, HEIGHT)
    assert 2 <= len(ticks) <= 5
    assert ticks[0].at == HEIGHT
    assert 0 <= ticks[-1].at < HEIGHT


def test_files_left_waiting_are_in_the_headline(account: RunReport) -> None:
    assert headline(replace(account, failed=0, waiting=2)) == "4 of 6 files done, 2 still waiting"


def test_report_writes_the_page_beside_the_outputs_and_names_it(folder: Path) -> None:
    result = tui_balancer_here("report", folder)
    assert (result.returncode, result.stderr) == (0, "")
    assert Path(result.stdout.strip()) == folder / "report.html"
    assert Parsed((folder / "report.html").read_text()).elements[0][0] == "html"
    assert not list(folder.glob("*.tmp"))


def test_report_writes_the_page_where_it_is_told(folder: Path, tmp_path: Path) -> None:
    assert tui_balancer_here("report", folder, "--to", tmp_path / "page.html").returncode == 0
    assert (tmp_path / "page.html").exists()


def test_report_prints_the_account_for_machines(folder: Path) -> None:
    told = json.loads(tui_balancer_here("report", folder, "--json").stdout)
    assert (told["format"], told["done"], told["failed"]) == (2, 4, 2)
    assert [file["name"] for file in told["files"]] == list(NAMES)
    assert told["spans"][0]["how"] == "done"


@pytest.mark.parametrize("target", ["no such folder/page.html", "."])
def test_report_says_where_it_cannot_write(folder: Path, tmp_path: Path, target: str) -> None:
    result = tui_balancer_here("report", folder, "--to", tmp_path / target)
    assert result.returncode == 2
    assert result.stderr.startswith("tui-balancer: cannot write")


def test_report_of_a_folder_without_a_run_is_one_line(tmp_path: Path) -> None:
    result = tui_balancer_here("report", tmp_path)
    assert result.returncode == 2
    assert result.stderr.count("\n") == 1


def test_a_file_that_begins_while_another_is_written_is_not_counted_twice_at_once(
    account: RunReport,
) -> None:
    overlapping = tuple(
        Span("cpu:0", number, 1, "f", 5.0 * number, 5.0 * number + 7.0, SpanEnd.DONE, 1, 1, 1000)
        for number in range(4)
    )
    picture = throughput(replace(account, spans=overlapping))
    assert picture is not None
    heights = {corner.split(",")[1] for corner in picture.areas[0].points.split()}
    assert len(heights) == 2
