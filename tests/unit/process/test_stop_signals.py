"""Signals that ask the program to stop: counted as wishes, taken as interrupts, put back."""

from __future__ import annotations

import re
import signal
from collections.abc import Iterator

import pytest

from tests.support.balance import Clock
from tui_balancer.cli.interrupts import TOGETHER_SECONDS, Interrupts, counted_interrupts
from tui_balancer.manual.pages import page
from tui_balancer.process.stop_signals import STOP_SIGNALS, stopping_interrupts


@pytest.fixture(autouse=True)
def _as_a_shell_starts_it() -> Iterator[None]:
    """Give every signal its default: a job in the background begins with some of them ignored."""
    # The alarm is pytest's, for its time limit.
    default = dict.fromkeys(STOP_SIGNALS - {signal.SIGALRM}, signal.SIG_DFL)
    before = {number: signal.signal(number, handler) for number, handler in default.items()}
    signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", sorted(STOP_SIGNALS))
def test_each_of_them_is_a_wish_to_stop_while_a_run_is_watched(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    with counted_interrupts() as interrupts:
        signal.raise_signal(number)
        assert interrupts.count == 1
    assert signal.getsignal(number) is before


def test_the_signal_of_the_manual_s_batch_job_is_one_of_them() -> None:
    (named,) = re.findall(r"^#SBATCH --signal=B:(\w+)@\d+$", page("pipelines"), re.MULTILINE)
    assert signal.Signals[f"SIG{named}"] in STOP_SIGNALS


def test_a_hang_up_is_outlived_and_is_no_wish() -> None:
    with counted_interrupts() as interrupts:
        signal.raise_signal(signal.SIGHUP)
        assert interrupts.count == 0


def test_signals_that_come_together_are_one_wish_and_a_later_one_is_another() -> None:
    clock = Clock()
    interrupts = Interrupts(clock)
    interrupts.note()
    clock.now += TOGETHER_SECONDS / 2
    interrupts.note()
    assert not interrupts.news()
    clock.now += TOGETHER_SECONDS
    assert interrupts.news()
    assert not interrupts.news()
    assert interrupts.count == 1
    interrupts.note()
    clock.now += TOGETHER_SECONDS
    assert interrupts.news()
    assert interrupts.count == 2


def test_wishes_that_the_screen_takes_are_forgotten() -> None:
    interrupts = Interrupts(Clock())
    assert not interrupts.hand_over()
    interrupts.note()
    assert interrupts.hand_over()
    interrupts.note()
    assert interrupts.count == 1


@pytest.mark.parametrize("number", sorted(STOP_SIGNALS - {signal.SIGINT, signal.SIGALRM}))
def test_elsewhere_each_of_them_interrupts_and_a_second_one_would_end_the_process(
    number: signal.Signals,
) -> None:
    with stopping_interrupts():
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(number)
        assert signal.getsignal(number) is signal.SIG_DFL
    assert signal.getsignal(number) is signal.SIG_DFL


def test_a_signal_that_is_handled_already_stays_its_owner_s() -> None:
    heard: list[int] = []
    before = signal.signal(signal.SIGUSR1, lambda number, _frame: heard.append(number))
    try:
        with stopping_interrupts():
            signal.raise_signal(signal.SIGUSR1)
        assert heard == [signal.SIGUSR1]
    finally:
        signal.signal(signal.SIGUSR1, before)
