"""A simulated run as the screen sees it."""

from __future__ import annotations

import time

import pytest

from tests.support.balance import Clock
from tui_balancer.cli.commands.simulate import simulate
from tui_balancer.errors import UserError
from tui_balancer.run.lab.policy_comparison import watched
from tui_balancer.run.lab.simulated_run import SimulatedHandle
from tui_balancer.scheduler.commands import PauseAll, ResumeAll, StopNow
from tui_balancer.scheduler.events import SplitEvent
from tui_balancer.view.handle import Phase


@pytest.fixture
def clock() -> Clock:
    return Clock()


def run(clock: Clock, *, files: int = 20) -> SimulatedHandle:
    made = watched("time+split", "quiet", devices=4, files=files, speed=100.0)
    made._clock, made._began = clock, 0.0
    return made


def test_virtual_time_passes_as_many_times_as_fast(clock: Clock) -> None:
    handle = run(clock)
    clock.now = 0.2
    handle.step()
    picture = handle.snapshot()
    assert picture.phase is Phase.RUNNING
    assert picture.elapsed_seconds == pytest.approx(20.0)
    assert 0 < picture.totals.residues_done < picture.totals.residues
    assert all(row.running is not None for row in picture.devices)


def test_the_end_has_a_summary(clock: Clock) -> None:
    handle = run(clock, files=6)
    clock.now = 1000.0
    handle.step()
    summary = handle.summary()
    assert summary is not None
    assert handle.snapshot().phase is Phase.FINISHED
    assert (summary.done, summary.waiting) == (6, 0)
    assert summary.splits == sum(isinstance(one, SplitEvent) for one in handle.events_after(0))
    assert summary.splits > 0
    assert 0.9 < (summary.efficiency or 0.0) <= 1.0
    assert sum(device.files for device in summary.devices) == 6


def test_a_person_may_hold_it_let_it_go_and_stop_it(clock: Clock) -> None:
    handle = run(clock)
    clock.now = 0.1
    handle.step()
    assert handle.execute(PauseAll()).accepted
    clock.now = 0.5
    handle.step()
    held = handle.snapshot().totals.residues_done
    clock.now = 100.0
    handle.step()
    assert handle.snapshot().totals.residues_done == held
    assert handle.execute(ResumeAll()).accepted
    clock.now = 100.1
    handle.step()
    assert handle.snapshot().totals.residues_done > held
    assert handle.execute(StopNow()).accepted
    clock.now = 101.0
    handle.step()
    summary = handle.summary()
    assert summary is not None
    assert summary.waiting > 0


def test_time_passes_by_itself_until_the_end() -> None:
    devices = run(Clock(), files=3)
    devices._clock, devices._speed = time.monotonic, 1e6
    devices.start()
    devices._thread.join(60)
    assert devices.summary() is not None
    devices.close()


def test_what_cannot_be_watched_is_refused() -> None:
    with pytest.raises(UserError, match="terminal"):
        simulate(watch=True)
    with pytest.raises(UserError, match="central"):
        simulate(watch=True, policy=("central",))
