"""Failures and warnings by cause: what is shown of them, and what is done about a whole cause."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest
from textual.pilot import Pilot

from tests.support.fake_run import FakeRun
from tests.support.pictures import PROBLEMS, RUNNING, SCANNING, SUMMARY, unit
from tests.support.screen import app_of, fake_run, look, seen, shown, toasts, until
from tui_balancer.failures import FailureCause
from tui_balancer.scheduler.commands import RetryUnits, SkipUnits
from tui_balancer.scheduler.events import FailureEvent, RetryEvent
from tui_balancer.ui.app import BalancerApp
from tui_balancer.ui.dialogs.detail_dialog import DetailDialog
from tui_balancer.ui.widgets.problem_list import ProblemList
from tui_balancer.view.handle import Phase

EMPTY = (3, 8, 21, 34)
MEMORY = (55, 89)


def run_with_problems() -> FakeRun:
    run = fake_run()
    run.happen(PROBLEMS)
    return run


def list_of(pilot: Pilot[int]) -> ProblemList:
    return app_of(pilot).run_screen.problems.list


def lines_with(text: str, words: str) -> list[str]:
    return [line for line in text.splitlines() if words in line]


async def test_three_shows_each_cause_once_with_its_count_example_and_advice() -> None:
    async with shown(run_with_problems(), (200, 50)) as pilot:
        await pilot.press("3")
        text = await seen(pilot)
        assert "Problems · 7 causes · 9 files failed" in text
        (line,) = lines_with(text, "▸ the file is empty")
        for part in ("✗", " 4 ", "contigs_0003.faa the file is empty", "Restore the file"):
            assert part in line
        (line,) = lines_with(text, "  sequences look like DNA or RNA  ")
        for part in ("▲", "2,310", "old/genome.faa line 7: scaffold_1", "--allow-nucleotide"):
            assert part in line


async def test_the_tab_counts_the_causes_from_every_tab() -> None:
    async with shown(run_with_problems(), (80, 24)) as pilot:
        assert " 3 Problems 7 " in await seen(pilot)


async def test_a_run_without_problems_says_so() -> None:
    async with shown(FakeRun(SCANNING), (80, 24)) as pilot:
        await pilot.press("3")
        assert "No problems: no file has failed" in await seen(pilot)
        await pilot.press("r", "x", "enter")
        assert app_of(pilot).screen is app_of(pilot).run_screen


async def test_enter_unfolds_the_files_and_r_retries_the_one_under_the_cursor() -> None:
    run = run_with_problems()
    async with shown(run) as pilot:
        await pilot.press("3", "enter", "down", "down")
        text = await seen(pilot)
        assert all(len(lines_with(text, f"contigs_{number:04}.faa")) >= 1 for number in EMPTY)
        assert "▾ the file is empty" in text
        await pilot.press("r")
        await until(pilot, lambda: run.commands == [RetryUnits((EMPTY[1],))])
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, DetailDialog))
        await pilot.press("escape", "up", "up", "enter")
        assert "▸ the file is empty" in await seen(pilot)


async def test_files_that_are_tried_again_wait_in_their_cause_and_x_skips_them() -> None:
    run = run_with_problems()
    async with shown(run) as pilot:
        await pilot.press("3", "down", "x")
        await until(pilot, lambda: any("Nothing to skip" in toast for toast in toasts(pilot)))
        run.happen(RetryEvent(0, 700.0, one, unit(one).name, "cuda:0") for one in MEMORY)
        await look(pilot)
        text = await seen(pilot)
        assert "not enough memory (2 wait again)" in text
        assert "7 files failed" in text
        assert "x Skip" in await seen(pilot)
        await pilot.press("x")
        await until(pilot, lambda: run.commands == [SkipUnits(MEMORY)])


async def test_enter_on_a_warning_shows_all_its_examples() -> None:
    async with shown(run_with_problems(), (80, 24)) as pilot:
        await pilot.press("3", "end", "up", "enter")
        await pilot.pause()
        text = await seen(pilot)
        assert "2,310 in 14 files" in text
        for line in ("line 7: scaffold_1", "line 911: scaffold_2", "old/plasmid.faa: line 1: pX1"):
            assert line in text


async def test_a_warning_is_nothing_to_retry() -> None:
    run = run_with_problems()
    async with shown(run) as pilot:
        await pilot.press("3", "end")
        assert "r Retry" not in await seen(pilot)
        await pilot.press("r")
        await until(pilot, lambda: any("Nothing to retry" in toast for toast in toasts(pilot)))
        assert run.commands == []


async def test_the_cursor_stays_on_its_cause_when_another_gets_more_files() -> None:
    run = run_with_problems()
    async with shown(run) as pilot:
        await pilot.press("3")
        run.happen(
            FailureEvent(
                *(0, 710.0, number, unit(number).name, "cuda:0", "no memory"),
                cause=FailureCause.OUT_OF_MEMORY,
            )
            for number in range(600, 610)
        )
        await look(pilot)
        row = list_of(pilot).cursor_row
        assert row is not None
        assert (row.group.text, list_of(pilot).cursor) == ("the file is empty", 1)


@pytest.mark.parametrize("how", ["read-only", "finished"])
async def test_where_nothing_can_be_steered_the_causes_are_only_shown(how: str) -> None:
    run = run_with_problems()
    if how == "finished":
        run.change(phase=Phase.FINISHED)
        run.final = SUMMARY
    app = BalancerApp(run, poll=False, read_only=how == "read-only")
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        await look(pilot)
        await pilot.press("3", "r", "x", "enter")
        text = await seen(pilot)
        assert "▾ the file is empty" in text
        assert "r Retry" not in text
        assert run.commands == []


async def test_a_hundred_thousand_failures_are_one_row_and_unfold_at_once() -> None:
    run = FakeRun(replace(RUNNING))
    run.happen(
        FailureEvent(0, 1.0, number, f"f{number}", None, "empty", cause=FailureCause.EMPTY)
        for number in range(100_000)
    )
    async with shown(run) as pilot:
        await pilot.press("3", "enter")
        rows = list_of(pilot)
        assert len(rows.rows) == 100_001
        before = time.process_time()
        await pilot.press("end", "pageup", "down")
        assert "f99999" in await seen(pilot)
        assert time.process_time() - before < 2.0
