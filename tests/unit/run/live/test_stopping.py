"""How long a run goes on that is to end before its last file."""

from __future__ import annotations

from tests.support.balance import Clock
from tui_balancer.run.live.stopping import STOP_GRACE_SECONDS, Stopping
from tui_balancer.scheduler.commands import Drain, StopNow
from tui_balancer.view.handle import Phase


def test_running_files_may_take_their_time_and_batches_in_flight_a_little() -> None:
    clock = Clock()
    stopping = Stopping(clock)
    assert (stopping.phase, stopping.scan.is_set()) == (None, False)
    stopping.ask(Drain())
    assert (stopping.phase, stopping.scan.is_set()) == (Phase.DRAINING, True)
    clock.now = 1e6
    assert not stopping.overdue
    stopping.ask(StopNow())
    assert stopping.phase is Phase.STOPPING
    clock.now += STOP_GRACE_SECONDS - 1
    assert not stopping.overdue
    clock.now += 1
    assert stopping.overdue


def test_who_is_in_a_hurry_waits_for_nobody_whatever_is_asked_later() -> None:
    stopping = Stopping(Clock())
    stopping.end_grace()
    stopping.ask(StopNow())
    assert stopping.overdue
