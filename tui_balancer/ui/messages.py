"""What reaches the app from other threads."""

from __future__ import annotations

from dataclasses import dataclass

from textual.message import Message

from tui_balancer.balance.commands import Command, Outcome
from tui_balancer.balance.events import Event
from tui_balancer.balance.model import Unit
from tui_balancer.run.handle import RunSnapshot, RunSummary


@dataclass(frozen=True, slots=True)
class Picture:
    """All that the screen draws, read from the run in one go.

    Attributes:
        snapshot: The run.
        device: The device whose queue it holds; None before one was selected.
        queue: What waits for that device, next first.
        summary: The end of the run; None while it goes on.
    """

    snapshot: RunSnapshot
    device: str | None = None
    queue: tuple[Unit, ...] = ()
    summary: RunSummary | None = None


class SnapshotTaken(Message):
    """A newer picture of the run; one that has not been looked at yet may be dropped for it."""

    def __init__(self, picture: Picture) -> None:
        self.picture = picture
        super().__init__()

    def can_replace(self, message: Message) -> bool:
        """Only the newest picture matters."""
        return isinstance(message, SnapshotTaken)


class EventsArrived(Message):
    """Events that the screen has not seen; never dropped."""

    def __init__(self, events: tuple[Event, ...]) -> None:
        self.events = events
        super().__init__()


class CommandAnswered(Message):
    """The run's answer to a command."""

    def __init__(self, command: Command, outcome: Outcome) -> None:
        self.command = command
        self.outcome = outcome
        super().__init__()


class LinkBroke(Message):
    """Reading the run or commanding it raised; the app cannot go on."""

    def __init__(self, error: Exception) -> None:
        self.error = error
        super().__init__()


class TerminalLost(Message):
    """The terminal hung up; nobody sees the screen any more."""
