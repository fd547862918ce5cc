"""Somebody who steers a run in the middle of a storm: devices, files, policy, undo."""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType

from tui_balancer.attach.client import AttachClient, reach
from tui_balancer.attach.point import AttachPoint
from tui_balancer.errors import UserError
from tui_balancer.scheduler.commands import (
    Command,
    DrainDevice,
    MoveUnits,
    PauseAll,
    PauseDevice,
    ReorderUnits,
    ResumeAll,
    ResumeDevice,
    RetryUnits,
    SetPolicy,
    SkipUnits,
    SplitUnit,
    StartDevice,
    Undo,
)
from tui_balancer.scheduler.model import (
    CountSettings,
    DeviceMetrics,
    DeviceState,
    Ended,
    PolicySettings,
    TimeSettings,
)

LONGEST_THOUGHT_SECONDS = 0.4
"""The longest time between two commands."""

KINDS = (
    *(4 * ("drain", "start")),
    *("move", "order", "pause", "pause all", "policy", "share", "skip", "retry", "retry", "undo"),
)

NEW_DEVICE = "cpu:3"
"""A worker that the run does not have; without so many cores it is refused."""


class Person:
    """Sends commands from a thread, to whichever session of a run is live.

    Args:
        folder: The run folder.
        rng: Decides.

    Attributes:
        accepted: How many commands of each kind were done.
        refused: The same of those that were refused.
    """

    def __init__(self, folder: Path, rng: random.Random) -> None:
        self.accepted: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()
        self._folder = folder
        self._rng = rng
        self._calm = False
        self._left = threading.Event()
        self._client: AttachClient | None = None
        self._pid = 0
        self._thread = threading.Thread(target=self._steer, name="person", daemon=True)

    def __enter__(self) -> Person:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._left.set()
        self._thread.join()

    def calm_down(self) -> None:
        """From now on only start and resume what the run needs to end."""
        self._calm = True

    def _steer(self) -> None:
        while not self._left.wait(self._rng.uniform(0.0, LONGEST_THOUGHT_SECONDS)):
            try:
                self._speak()
            except (EOFError, OSError, UserError):
                self._client = None

    def _speak(self) -> None:
        point = AttachPoint.read(self._folder)
        if point is None:
            return
        if self._client is None or point.pid != self._pid:
            connection = reach(point, self._folder)
            if connection is None:
                return
            self._client, self._pid = AttachClient(connection, self._folder), point.pid
        rows = {row.device: row for row in self._client.snapshot().devices}
        run = self._client
        for command in _needed(run, rows) if self._calm else [self._any(run, rows)]:
            outcome = run.execute(command)
            name = type(command).__name__
            (self.accepted if outcome.accepted else self.refused)[name] += 1

    def _any(self, run: AttachClient, rows: Mapping[str, DeviceMetrics]) -> Command:
        """Return a command, of which most drain or start a device."""
        rng = self._rng
        device = rng.choice([*rows, NEW_DEVICE])
        kind = rng.choice(KINDS)
        if kind == "drain":
            return DrainDevice(device)
        if kind == "start":
            off = [name for name, row in rows.items() if row.state is DeviceState.DRAINED]
            return StartDevice(rng.choice(off or [device]))
        if kind in ("move", "order", "skip"):
            queue = _waiting(run, rng.choice([*rows]))
            chosen = tuple(number for number in queue if rng.random() < 0.5)
            if kind == "skip":
                return SkipUnits(chosen[:2])
            first = rng.random() < 0.5
            return MoveUnits(chosen, device) if kind == "move" else ReorderUnits(chosen, first)
        if kind == "retry":
            return RetryUnits(_skipped(run))
        if kind == "share":
            running = [row.running.unit.unit_id for row in rows.values() if row.running]
            return SplitUnit(rng.choice(running or [0]), device)
        if kind == "pause":
            return PauseDevice(device) if rng.random() < 0.5 else ResumeDevice(device)
        if kind == "pause all":
            return PauseAll() if rng.random() < 0.5 else ResumeAll()
        if kind == "policy":
            rules: list[PolicySettings] = [
                TimeSettings(0.0),
                TimeSettings(0.2),
                CountSettings(interval_seconds=0.2),
            ]
            return SetPolicy(rng.choice(rules))
        return Undo()


def _skipped(run: AttachClient) -> tuple[int, ...]:
    """Return the files that were skipped."""
    places = run.places(-1)
    ended = b"" if places is None else places.ended
    return tuple(number for number, end in enumerate(ended) if end == Ended.SKIPPED)


def _waiting(run: AttachClient, device: str) -> Sequence[int]:
    places = run.places(-1)
    return () if places is None else places.queues.get(device, ())


def _needed(run: AttachClient, rows: Mapping[str, DeviceMetrics]) -> list[Command]:
    """Return what lets every device compute again, and all that can be tried again wait."""
    commands: list[Command] = []
    if skipped := _skipped(run):
        commands.append(RetryUnits(skipped))
    for device, row in rows.items():
        if row.state is DeviceState.DRAINED:
            commands.append(StartDevice(device))
        elif row.state is DeviceState.PAUSED:
            commands.append(ResumeDevice(device))
    return commands
