"""Devices without work are drained after a while, and start when there is some again."""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.support.balance import Clock
from tui_balancer.run.live.idle_release import IdleRelease
from tui_balancer.scheduler.commands import Command, DrainDevice, Outcome, StartDevice
from tui_balancer.scheduler.model import DeviceMetrics, DeviceState, Totals

DRAINED = DrainDevice("cuda:0", "idle for 5m 00s")
STARTED = StartDevice("cuda:0", "files wait")


@dataclass
class Run:
    """A run that accepts every command, and writes it down.

    Attributes:
        told: The commands since they were last looked at.
    """

    clock: Clock = field(default_factory=Clock)
    told: list[Command] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.release = IdleRelease(300.0, self._execute, self.clock)

    def _execute(self, command: Command) -> Outcome:
        self.told.append(command)
        return Outcome(True, "")

    def after(
        self, seconds: float, *states: DeviceState, files: int = 10, waiting: int = 0
    ) -> list[Command]:
        """Return what is asked of a run that looks like that after so many seconds."""
        self.clock.now += seconds
        rows = [
            DeviceMetrics(f"cuda:{n}", "card", state, 1.0, queued_files=waiting * n)
            for n, state in enumerate(states)
        ]
        self.release.tick(rows, Totals(files=files, waiting=waiting))
        told, self.told = self.told, []
        return told


IDLE, BUSY, OFF = DeviceState.IDLE, DeviceState.BUSY, DeviceState.DRAINED


def test_a_device_is_drained_after_it_was_idle_for_so_long_without_a_break() -> None:
    run = Run()
    assert run.after(0, IDLE, BUSY) == []
    assert run.after(299, IDLE, BUSY) == []
    assert run.after(0, BUSY, BUSY) == []
    assert run.after(1, IDLE, BUSY) == []
    assert run.after(299, IDLE, BUSY) == []
    assert run.after(1, IDLE, BUSY) == [DRAINED]
    assert run.after(0, IDLE, BUSY) == []
    assert run.after(1e4, OFF, BUSY) == []


def test_a_device_with_files_of_its_own_is_not_idle() -> None:
    run = Run()
    assert run.after(0, BUSY, IDLE, waiting=3) == []
    assert run.after(1e4, BUSY, IDLE, waiting=3) == []


def test_new_files_start_it_again() -> None:
    run = Run()
    run.after(0, IDLE, BUSY)
    assert run.after(300, IDLE, BUSY) == [DRAINED]
    # It has not ended yet when they come.
    assert run.after(0, IDLE, BUSY, files=11) == []
    assert run.after(1, OFF, BUSY, files=11) == [STARTED]
    assert run.after(1, DeviceState.STARTING, BUSY, files=11) == []
    assert run.after(1, OFF, BUSY, files=12) == []


def test_it_starts_again_when_files_wait_and_no_other_device_is_left() -> None:
    run = Run()
    run.after(0, IDLE, BUSY)
    assert run.after(300, IDLE, BUSY) == [DRAINED]
    assert run.after(1, OFF, DeviceState.STARTING, waiting=1) == []
    assert run.after(1, OFF, DeviceState.DEAD) == []
    assert run.after(1, OFF, DeviceState.DEAD, waiting=1) == [STARTED]


def test_what_a_person_drained_stays_drained() -> None:
    run = Run()
    run.after(0, BUSY, BUSY)
    assert run.after(1, OFF, OFF, files=11, waiting=2) == []
