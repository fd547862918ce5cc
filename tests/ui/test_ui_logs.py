"""The logs of the run and of the workers: read on, followed, searched, by level."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.pilot import Pilot

from tests.support.fake_run import FakeRun
from tests.support.screen import app_of, fake_run, look, seen, shown
from tui_balancer.ui.state import log_tail
from tui_balancer.ui.state.log_tail import Level, LogTail, level_of
from tui_balancer.ui.widgets.log_list import LogList


@pytest.mark.parametrize(
    ("text", "level"),
    [
        ("2026-01-01 12:00:00 INFO torch: loading", Level.INFO),
        ("plain words", Level.INFO),
        ("2026-01-01 12:00:00 WARNING esm: cut", Level.WARNING),
        ("2026-01-01 12:00:00  warning  17 sequences are cut", Level.WARNING),
        ("2026-01-01 12:00:00 ERROR worker: broke", Level.ERROR),
        ("Traceback (most recent call last):", Level.ERROR),
        ("ValueError: no", Level.ERROR),
        ("2026-01-01 12:00:00  failed   a.faa: not FASTA", Level.ERROR),
        ("failed_ids in its metadata", Level.INFO),
    ],
)
def test_the_level_of_a_line(text: str, level: Level) -> None:
    assert level_of(text, Level.INFO) is level


def test_an_indented_line_belongs_to_the_one_above() -> None:
    assert level_of("  File “a.py”, line 3", Level.ERROR) is Level.ERROR
    assert level_of("next", Level.ERROR) is Level.INFO


def test_a_log_is_read_on_line_by_line(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_bytes(b"one\ntw")
    tail = LogTail(path)
    assert tail.read_on()
    assert not tail.read_on()
    with path.open("ab") as file:
        file.write(b"o\r\nthree\x1b[31m\n")
    assert tail.read_on()
    assert [line.text for line in tail.lines] == ["one", "two", r"three\x1b[31m"]
    assert [line.number for line in tail.lines] == [0, 1, 2]


def test_of_a_long_log_the_end_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_tail, "FIRST_BYTES", 20)
    path = tmp_path / "a.log"
    path.write_text("".join(f"line {number}\n" for number in range(100)))
    tail = LogTail(path)
    tail.read_on()
    assert [line.text for line in tail.lines] == ["line 98", "line 99"]


def test_a_log_that_is_not_there_is_empty_and_one_cut_short_starts_anew(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    tail = LogTail(path)
    assert not tail.read_on()
    path.write_text("first\nsecond\n")
    tail.read_on()
    path.write_text("new\n")
    tail.read_on()
    assert [line.text for line in tail.lines] == ["new"]


@pytest.fixture
def run(tmp_path: Path) -> FakeRun:
    run = fake_run()
    run.logs = tmp_path
    (tmp_path / "run.log").write_text("the story\n")
    (tmp_path / "worker-cuda_0.log").write_text(
        "INFO loading\nWARNING slow\nERROR broke\n  in a line\nINFO goes on\n"
    )
    return run


def lines_of(pilot: Pilot[int]) -> LogList:
    return app_of(pilot).run_screen.logs.lines


def texts(pilot: Pilot[int]) -> list[str]:
    return [line.text for line in lines_of(pilot).rows]


async def open_worker_log(pilot: Pilot[int]) -> None:
    await pilot.press("6")
    await look(pilot)
    await pilot.press("down")
    await look(pilot)


async def test_the_story_of_the_run_comes_first(run: FakeRun) -> None:
    async with shown(run) as pilot:
        await pilot.press("6")
        await look(pilot)
        assert "Log of the run · 1 line · following" in await seen(pilot)
        assert texts(pilot) == ["the story"]


async def test_every_worker_has_its_log_under_its_device(run: FakeRun) -> None:
    async with shown(run) as pilot:
        await open_worker_log(pilot)
        assert "▸ cuda:0" in await seen(pilot)
        assert texts(pilot)[0] == "INFO loading"


async def test_v_goes_through_the_levels(run: FakeRun) -> None:
    async with shown(run) as pilot:
        await open_worker_log(pilot)
        await pilot.press("v")
        assert texts(pilot) == ["WARNING slow", "ERROR broke", "  in a line"]
        await pilot.press("v")
        assert texts(pilot) == ["ERROR broke", "  in a line"]
        assert "errors only" in await seen(pilot)
        await pilot.press("v")
        assert len(texts(pilot)) == 5


async def test_slash_searches(run: FakeRun) -> None:
    async with shown(run) as pilot:
        await open_worker_log(pilot)
        await pilot.press("slash", *"line in")
        await pilot.pause()
        assert texts(pilot) == ["  in a line"]
        await pilot.press("escape")
        await pilot.pause()
        assert len(texts(pilot)) == 5


async def test_new_lines_are_followed_until_somebody_reads_above(run: FakeRun) -> None:
    async with shown(run) as pilot:
        await open_worker_log(pilot)
        with (run.logs / "worker-cuda_0.log").open("a") as file:
            file.writelines(f"line {number}\n" for number in range(100))
        await look(pilot)
        assert "line 99" in await seen(pilot)
        await pilot.press("enter", "up")
        with (run.logs / "worker-cuda_0.log").open("a") as file:
            file.write("the newest\n")
        await look(pilot)
        assert "the newest" not in await seen(pilot)
        assert "f follows" in await seen(pilot)
        await pilot.press("f")
        assert "the newest" in await seen(pilot)
