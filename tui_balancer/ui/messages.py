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


@dataclass
class SnapshotTaken(Message):
    """A newer picture of the run; it may replace one that was not drawn yet."""

    picture: Picture

    def can_replace(self, message: Message) -> bool:
        """Keep only the newest picture."""
        return isinstance(message, SnapshotTaken)


@dataclass
class EventsArrived(Message):
    """New events; never dropped."""

    events: tuple[Event, ...]


class WentBack(Message):
    """The replay has gone back in time: its events are sent again from the first one."""


@dataclass
class CommandAnswered(Message):
    """The run's answer to a command."""

    command: Command
    outcome: Outcome


@dataclass
class CommandWanted(Message):
    """The user sends a command to the run."""

    command: Command


@dataclass
class FileWanted(Message):
    """A person wants to know all about a file.

    Attributes:
        number: Its number in the run.
    """

    number: int
    name: str


@dataclass
class WhyWanted(Message):
    """The user asks for an explanation.

    Attributes:
        title: Name of what is explained.
    """

    question: Question
    title: str


@dataclass
class LinkBroke(Message):
    """Reading or commanding the run raised an error; the app cannot continue."""

    error: Exception


class TerminalLost(Message):
    """The terminal hung up; the screen is no longer visible."""


class TerminalReturned(Message):
    """The app has the terminal again after a suspension; the whole screen must be repainted."""
