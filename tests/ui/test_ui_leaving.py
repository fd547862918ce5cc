"""Leaving: the quit dialog, the end of the run, signals, a run that breaks."""

from __future__ import annotations

import signal
from dataclasses import replace

import pytest

from tests.support.fake_run import FakeRun
from tests.support.pictures import FINISHED, PREPARING, RUNNING, SUMMARY
from tests.support.screen import app_of, fake_run, look, seen, shown, toasts, until
from tui_balancer.errors import UserError
from tui_balancer.scheduler.commands import Drain, Outcome, StopNow
from tui_balancer.ui.app import BalancerApp
from tui_balancer.ui.dialogs.quit_dialog import QuitDialog
from tui_balancer.ui.exits import ExitCode
from tui_balancer.ui.messages import LinkBroke, TerminalLost
from tui_balancer.ui.screens.run_screen import RunScreen
from tui_balancer.view.handle import Phase, RunSnapshot


def end(run: FakeRun) -> None:
    run.current, run.final = FINISHED, SUMMARY


async def test_quitting_asks_first_by_whatever_key() -> None:
    async with shown(fake_run()) as pilot:
        for key in ("q", "ctrl+q"):
            await pilot.press(key)
            assert "2 files running, 179 files waiting" in await seen(pilot)
            assert isinstance(pilot.app.screen, QuitDialog)
            await pilot.press("escape")


@pytest.mark.parametrize(
    ("snapshot", "code"), [(RUNNING, ExitCode.INTERRUPTED), (FINISHED, ExitCode.ENDED)]
)
async def test_ctrl_c_does_not_ask(snapshot: RunSnapshot, code: ExitCode) -> None:
    async with shown(fake_run(snapshot)) as pilot:
        await pilot.press("ctrl+c")
        await until(pilot, lambda: pilot.app.return_code is not None)
    assert pilot.app.return_code == code


async def test_a_run_that_has_not_begun_is_left_without_a_question() -> None:
    async with shown(FakeRun(PREPARING)) as pilot:
        await pilot.press("q")
        await until(pilot, lambda: pilot.app.return_code is not None)
    assert pilot.app.return_code == ExitCode.INTERRUPTED


async def test_a_run_that_cannot_begin_leaves_the_word_to_the_command_line() -> None:
    async with shown(FakeRun(PREPARING)) as pilot:
        pilot.app.post_message(LinkBroke(UserError("no FASTA file in the folder notes")))
        await until(pilot, lambda: pilot.app.return_code is not None)
    assert pilot.app.return_code == ExitCode.REFUSED


@pytest.mark.parametrize(
    ("keys", "command"),
    [
        (("enter",), Drain()),
        (("f",), Drain()),
        (("s",), StopNow()),
        (("right", "enter"), StopNow()),
    ],
)
async def test_a_choice_is_sent_and_the_screen_closes_with_the_run(
    keys: tuple[str, ...], command: Drain | StopNow
) -> None:
    run = fake_run()
    async with shown(run) as pilot:
        await pilot.press("q", *keys)
        await until(pilot, lambda: run.commands)
        assert run.commands == [command]
        assert pilot.app.return_code is None
        end(run)
        app_of(pilot).link.read()
        await until(pilot, lambda: pilot.app.return_code is not None)
    assert pilot.app.return_code == ExitCode.ENDED
    assert pilot.app.return_value == ExitCode.ENDED


@pytest.mark.parametrize("button", ["#finish", "#stop"])
async def test_the_choices_can_be_clicked(button: str) -> None:
    run = fake_run()
    async with shown(run) as pilot:
        await pilot.press("q")
        await pilot.pause()
        await pilot.click(button)
        await until(pilot, lambda: run.commands)
        assert run.commands == [Drain() if button == "#finish" else StopNow()]


async def test_a_signal_from_before_the_screen_ends_it_as_soon_as_it_is_there() -> None:
    app = BalancerApp(fake_run(), interrupted=lambda: True, poll=False)
    async with app.run_test():
        pass
    assert app.return_code == ExitCode.INTERRUPTED


async def test_staying_sends_nothing_by_whatever_way() -> None:
    run = fake_run()
    async with shown(run) as pilot:
        for way in ("escape", "c", "#cancel"):
            await pilot.press("q")
            await pilot.pause()
            await (pilot.click(way) if way.startswith("#") else pilot.press(way))
            await until(pilot, lambda: isinstance(pilot.app.screen, RunScreen))
        end(run)
        await look(pilot)
        assert run.commands == []
        assert pilot.app.return_code is None


async def test_a_refused_choice_keeps_the_screen_open_at_the_end() -> None:
    run = fake_run()
    run.outcomes = [Outcome(False, "the run ends after the running files already")]
    async with shown(run) as pilot:
        await pilot.press("q", "f")
        await until(pilot, lambda: toasts(pilot))
        end(run)
        await look(pilot)
        assert pilot.app.return_code is None
        assert "1,201 done" in await seen(pilot)


async def test_a_draining_run_can_still_be_stopped_but_not_drained_again() -> None:
    run = fake_run(replace(RUNNING, phase=Phase.DRAINING))
    async with shown(run) as pilot:
        await pilot.press("q", "f")
        assert isinstance(pilot.app.screen, QuitDialog)
        assert pilot.app.focused is not None
        assert pilot.app.focused.id == "cancel"
        await pilot.press("s")
        await until(pilot, lambda: run.commands)
        assert run.commands == [StopNow()]


async def test_the_question_is_asked_once() -> None:
    async with shown(fake_run()) as pilot:
        await pilot.press("q", "ctrl+q", "escape")
        assert isinstance(pilot.app.screen, RunScreen)


@pytest.mark.parametrize(
    ("snapshot", "code"),
    [
        (FINISHED, ExitCode.ENDED),
        (replace(RUNNING, phase=Phase.STOPPING), ExitCode.LEFT_STOPPING),
    ],
)
async def test_quitting_leaves_at_once_when_nothing_is_left_to_decide(
    snapshot: RunSnapshot, code: ExitCode
) -> None:
    run = fake_run(snapshot)
    run.final = SUMMARY if snapshot is FINISHED else None
    async with shown(run) as pilot:
        await pilot.press("q")
    assert pilot.app.return_code == code


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (signal.SIGTERM, ExitCode.TERMINATED),
        (signal.SIGUSR1, ExitCode.TERMINATED),
        (signal.SIGXCPU, ExitCode.TERMINATED),
        (signal.SIGINT, ExitCode.INTERRUPTED),
        (signal.SIGHUP, ExitCode.TERMINAL_LOST),
    ],
)
async def test_a_signal_ends_the_app_with_its_code(number: signal.Signals, code: ExitCode) -> None:
    async with shown(fake_run()) as pilot:
        signal.raise_signal(number)
        await until(pilot, lambda: pilot.app.return_code is not None)
    assert pilot.app.return_code == code


async def test_the_caller_s_signal_handlers_are_back_after_the_app() -> None:
    heard: list[int] = []
    before = signal.signal(signal.SIGHUP, lambda number, _frame: heard.append(number))
    try:
        async with shown(fake_run()) as pilot:
            signal.raise_signal(signal.SIGHUP)
            await until(pilot, lambda: pilot.app.return_code is not None)
        assert heard == []
        signal.raise_signal(signal.SIGHUP)
        assert heard == [signal.SIGHUP]
    finally:
        signal.signal(signal.SIGHUP, before)


async def test_a_lost_terminal_ends_the_app_with_its_code() -> None:
    async with shown(fake_run()) as pilot:
        pilot.app.post_message(TerminalLost())
        await until(pilot, lambda: pilot.app.return_code is not None)
    assert pilot.app.return_code == ExitCode.TERMINAL_LOST


async def test_a_run_that_cannot_be_read_breaks_the_app_instead_of_freezing_it() -> None:
    class Broken(FakeRun):
        def snapshot(self) -> RunSnapshot:
            raise ConnectionError("the run is gone")

    app = BalancerApp(Broken(RUNNING), refresh_hz=100)
    with pytest.raises(ConnectionError, match="the run is gone"):
        async with app.run_test() as pilot:
            await until(pilot, lambda: app.return_code is not None)
    assert app.return_code == ExitCode.CRASHED
