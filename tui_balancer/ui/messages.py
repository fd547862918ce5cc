"""Messages to the app from other threads."""

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
    """The names of the log files, and the end of one of them.

    Attributes:
        names: Names of all log files.
        name: Name of the log that is shown.
        lines: Its last lines, oldest first.
    """

    names: tuple[str, ...]
    name: str
    lines: tuple[LogLine, ...]


@dataclass(frozen=True, slots=True)
class Picture:
    """Everything that the screen draws, read from the run at one moment.

    Attributes:
        snapshot: The run.
        files: All files; None if they are not on the screen or not known yet.
        log: A log; None if none is on the screen.
        summary: The run's summary; None before its end.
        why: The answer to the open question; None without a question.
    """

    snapshot: RunSnapshot
    files: FileTable | None = None
    log: LogPicture | None = None
    summary: RunSummary | None = None
    why: Answer | None = None


class SnapshotTaken(Message):
    """A newer picture of the run; it may replace one that was not drawn yet."""

    def __init__(self, picture: Picture) -> None:
        self.picture = picture
        super().__init__()

    def can_replace(self, message: Message) -> bool:
        """Keep only the newest picture."""
        return isinstance(message, SnapshotTaken)


class EventsArrived(Message):
    """New events; never dropped."""

    def __init__(self, events: tuple[Event, ...]) -> None:
        self.events = events
        super().__init__()


class WentBack(Message):
    """The replay has gone back in time: its events are sent again from the first one."""


class CommandAnswered(Message):
    """The run's answer to a command."""

    def __init__(self, command: Command, outcome: Outcome) -> None:
        self.command = command
        self.outcome = outcome
        super().__init__()


class CommandWanted(Message):
    """The user sends a command to the run."""

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
    """The user asks for an explanation.

    Args:
        question: The question.
        title: Name of what is explained.
    """

    def __init__(self, question: Question, title: str) -> None:
        self.question = question
        self.title = title
        super().__init__()


class LinkBroke(Message):
    """Reading or commanding the run raised an error; the app cannot continue."""

    def __init__(self, error: Exception) -> None:
        self.error = error
        super().__init__()


class TerminalLost(Message):
    """The terminal hung up; the screen is no longer visible."""


class TerminalReturned(Message):
    """The app has the terminal again after a suspension; the whole screen must be repainted."""
