"""What the summary needs of all that happened, noted event by event: nothing is forgotten."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from tui_balancer.balance.events import DoneEvent, Event, FailureEvent, MoveEvent, StealEvent
from tui_balancer.balance.model import Unit
from tui_balancer.run.handle import FailedFile


@dataclass(slots=True)
class DeviceTally:
    """What one device finished."""

    files: int = 0
    sequences: int = 0
    residues: int = 0


class Chronicle:
    """Serves as the coordinator's journal; a run of a million files keeps counts, not events."""

    def __init__(self) -> None:
        self.steals = 0
        self.moves = 0
        self.failures: list[FailedFile] = []
        self.devices: defaultdict[str, DeviceTally] = defaultdict(DeviceTally)
        self._units: tuple[Unit, ...] = ()

    def expect(self, units: tuple[Unit, ...]) -> None:
        """Learn the units, by whose numbers the events speak."""
        self._units = units

    def note(self, event: Event) -> None:
        """Count an event; called under the coordinator's lock."""
        if isinstance(event, StealEvent):
            self.steals += 1
        elif isinstance(event, MoveEvent):
            self.moves += 1
        elif isinstance(event, FailureEvent):
            self.failures.append(FailedFile(event.unit_name, event.reason))
        elif isinstance(event, DoneEvent):
            unit, tally = self._units[event.unit_id], self.devices[event.device]
            tally.files += unit.files
            tally.sequences += unit.sequences
            tally.residues += unit.residues
