"""A run made of hand-fed pictures: the outermost boundary of the screen's tests."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from threading import Lock
from typing import Any

from msgspec.structs import replace as with_fields

from tui_balancer.scheduler.commands import Command, Outcome
from tui_balancer.scheduler.events import Event
from tui_balancer.scheduler.model import Unit
from tui_balancer.scheduler.read_api import Places
from tui_balancer.view.handle import RunSnapshot, RunSummary


class FakeRun:
    """A `RunHandle` that shows what it is given and records what it is asked.

    Attributes:
        current: The picture handed out.
        queues: Units waiting for each device.
        ended: How files ended, an `Ended` each by their numbers.
        commands: Commands received, in order.
        outcomes: Answers to the next commands; afterwards every command is accepted.
        final: The end of the run; None while it goes on.
        logs: Where the log files lie.
    """

    def __init__(
        self,
        snapshot: RunSnapshot,
        queues: dict[str, tuple[Unit, ...]] | None = None,
        units: Sequence[Unit] = (),
        ended: dict[int, int] | None = None,
    ) -> None:
        self.current = snapshot
        self.queues = queues or {}
        self.ended = ended or {}
        self.commands: list[Command] = []
        self.outcomes: list[Outcome] = []
        self.final: RunSummary | None = None
        self.logs = Path("no such folder")
        self._units = units
        self._events: list[Event] = []
        self._places = 0
        self._lock = Lock()

    def change(self, **fields: Any) -> None:
        """Change fields of the picture."""
        with self._lock:
            self.current = replace(self.current, **fields)

    def happen(self, events: Iterable[Event]) -> None:
        """Append events; their numbers are given here, without gaps from 1."""
        with self._lock:
            for event in events:
                self._events.append(with_fields(event, sequence=len(self._events) + 1))

    def snapshot(self) -> RunSnapshot:
        # Whatever picture a test puts there, the events are those that happened.
        with self._lock:
            return replace(self.current, last_event=len(self._events))

    def events_after(self, sequence: int) -> tuple[Event, ...]:
        with self._lock:
            return tuple(self._events[sequence:])

    def units(self) -> Sequence[Unit]:
        return self._units

    def places(self, known: int) -> Places | None:
        # A test may have changed anything since: the picture is always a new one.
        self._places += 1
        queues = {
            device: array("i", [unit.unit_id for unit in queue])
            for device, queue in self.queues.items()
        }
        ended = bytearray(len(self._units))
        for number, how in self.ended.items():
            ended[number] = how
        return Places(self._places, queues, bytes(ended))

    def log_folder(self) -> Path:
        return self.logs

    def execute(self, command: Command) -> Outcome:
        with self._lock:
            self.commands.append(command)
            return self.outcomes.pop(0) if self.outcomes else Outcome(True, "as you wish")

    def summary(self) -> RunSummary | None:
        return self.final
