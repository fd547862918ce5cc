"""What reaches the app from other threads."""

from __future__ import annotations

from dataclasses import dataclass

from textual.message import Message

from tui_balancer.scheduler.commands import Command, Outcome
from tui_balancer.scheduler.events import Event
from tui_balancer.ui.state.file_table import FileTable
from tui_balancer.ui.state.log_tail import LogLine
from tui_balancer.ui.state.why_watch import Answer
from tui_balancer.view.handle import RunSnapshot, RunSummary
from tui_balancer.view.why.explain import Question


@dataclass(frozen=True, slots=True)
class LogPicture:
    """The log files that there are, and the end of one of them.

    Attributes:
        names: Of all log files.
        name: Of the one that is read.
        lines: Its end, oldest first.
    """

    names: tuple[str, ...]
    name: str
    lines: tuple[LogLine, ...]


@dataclass(frozen=True, slots=True)
class Picture:
    """All that the screen draws, read from the run in one go.

    Attributes:
        snapshot: The run.
        files: Every file; None where nobody looks at them, or while they are not known.
        log: A log; None where nobody looks at one.
        summary: The end of the run; None while it goes on.
        why: The answer to what a person wants explained; None where nothing is asked.
    """

    snapshot: RunSnapshot
    files: FileTable | None = None
    log: LogPicture | None = None
    summary: RunSummary | None = None
    why: Answer | None = None


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


class WentBack(Message):
    """The run that is shown has gone back in time: its events come again from the first one."""


class CommandAnswered(Message):
    """The run's answer to a command."""

    def __init__(self, command: Command, outcome: Outcome) -> None:
        self.command = command
        self.outcome = outcome
        super().__init__()


class CommandWanted(Message):
    """A person asks something of the run."""

    def __init__(self, command: Command) -> None:
        self.command = command
        super().__init__()


class FileWanted(Message):
    """A person wants to know all about a file.

    Args:
        number: Its number in the run.
        name: Its name.
    """

    def __init__(self, number: int, name: str) -> None:
        self.number = number
        self.name = name
        super().__init__()


class WhyWanted(Message):
    """A person wants something explained.

    Args:
        question: What.
        title: Its name.
    """

    def __init__(self, question: Question, title: str) -> None:
        self.question = question
        self.title = title
        super().__init__()


class LinkBroke(Message):
    """Reading the run or commanding it raised; the app cannot go on."""

    def __init__(self, error: Exception) -> None:
        self.error = error
        super().__init__()


class TerminalLost(Message):
    """The terminal hung up; nobody sees the screen any more."""


class TerminalReturned(Message):
    """The terminal is this program's again after a suspension; nothing of the screen is left."""
