"""The problems of a run: failures and warnings, grouped by cause."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from itertools import islice
from typing import ClassVar, NamedTuple

from tui_balancer import notices
from tui_balancer.failures import ADVICE, WORDS, FailureCause
from tui_balancer.formatting import count, plural
from tui_balancer.notices import EXAMPLES, Notice, NoticeKind
from tui_balancer.scheduler.events import (
    AssignmentEvent,
    DoneEvent,
    FailureEvent,
    LeaseEvent,
    RetryEvent,
    SkipEvent,
    WarningEvent,
)
from tui_balancer.view.handle import FailedFile
from tui_balancer.view.run_state import RunView


class Severity(Enum):
    """Severity of a problem: a failure costs outputs, a warning does not."""

    FAILURE = "failure"
    WARNING = "warning"


class Place(NamedTuple):
    """Place of a problem: a file, and its line, record or reason; empty if unknown."""

    file: str
    what: str

    @property
    def line(self) -> str:
        """Both, in one line."""
        return ": ".join(filter(None, self))


@dataclass(slots=True)
class FailureGroup:
    """Files that failed for the same cause.

    Attributes:
        reason: Common part of their reasons if `WORDS` has none for the cause; else empty.
        files: Failed files by number with their reasons, in order of failure.
        waiting: Numbers of retried files that no worker has yet.
    """

    severity: ClassVar = Severity.FAILURE

    cause: FailureCause
    reason: str = ""
    files: dict[int, Place] = field(default_factory=dict)
    waiting: dict[int, None] = field(default_factory=dict)

    @property
    def key(self) -> tuple[FailureCause, str]:
        """Unique key among the groups of failures."""
        return self.cause, self.reason

    @property
    def text(self) -> str:
        """The cause as text."""
        return self.reason or WORDS[self.cause]

    @property
    def advice(self) -> str:
        """What to do, in the imperative."""
        return ADVICE[self.cause]

    @property
    def count(self) -> int:
        """Files that have failed."""
        return len(self.files)

    @property
    def amount(self) -> str:
        """Their number and unit."""
        return plural(self.count, "file")

    @property
    def examples(self) -> tuple[Place, ...]:
        """The first files."""
        return tuple(islice(self.files.values(), EXAMPLES))


@dataclass(slots=True)
class WarningGroup:
    """Warnings of the same kind.

    Attributes:
        said: Their text if `notices.WORDS` has none for the kind; else empty.
        notices: The warnings, each once.
    """

    severity: ClassVar = Severity.WARNING

    kind: NoticeKind
    said: str = ""
    notices: dict[Notice, None] = field(default_factory=dict)

    @property
    def key(self) -> tuple[NoticeKind, str]:
        """Unique key among the groups of warnings."""
        return self.kind, self.said

    @property
    def text(self) -> str:
        """The kind as text."""
        return self.said or notices.WORDS[self.kind]

    @property
    def advice(self) -> str:
        """What to do, in the imperative."""
        return notices.ADVICE[self.kind]

    @property
    def count(self) -> int:
        """Number of records, or of what the warnings count."""
        return sum(notice.count for notice in self.notices)

    @property
    def amount(self) -> str:
        """Their number, and the number of files if known."""
        files = sum(notice.files for notice in self.notices)
        return f"{count(self.count)} in {plural(files, 'file')}" if files else count(self.count)

    @property
    def examples(self) -> tuple[Place, ...]:
        """All examples of the warnings."""
        found = (one for notice in self.notices for one in notice.examples)
        return tuple(Place(one.file, notices.place(one)) for one in found)


Group = FailureGroup | WarningGroup


class Problems(RunView):
    """Groups a run's failures and warnings, event by event, each in constant time.

    A file that a person skipped is not a failure. A retried file leaves the failures of its
    group, and counts as waiting until a worker has it.

    Attributes:
        changes: Increases with every change.
    """

    def __init__(self) -> None:
        self.changes = 0
        self.forget()

    def forget(self) -> None:
        """Remove all problems."""
        self.changes += 1
        self._failures: dict[tuple[FailureCause, str], FailureGroup] = {}
        self._warnings: dict[tuple[NoticeKind, str], WarningGroup] = {}
        self._failed: dict[int, FailureGroup] = {}
        self._waiting: dict[int, FailureGroup] = {}
        self._retried: dict[int, Sequence[int]] = {}

    @property
    def groups(self) -> tuple[Group, ...]:
        """The failures, largest group first, then the warnings in order of arrival."""
        return (*self.failures, *self._warnings.values())

    @property
    def failures(self) -> tuple[FailureGroup, ...]:
        """The failures, largest group first; a retry does not reorder them."""
        size = {key: group.count + len(group.waiting) for key, group in self._failures.items()}
        return tuple(sorted(self._failures.values(), key=lambda group: -size[group.key]))

    def __len__(self) -> int:
        """Groups."""
        return len(self._failures) + len(self._warnings)

    def add_failure(self, number: int, name: str, cause: FailureCause, reason: str) -> None:
        """Add a failed file."""
        group = FailureGroup(cause, "" if cause in WORDS else reason)
        group = self._failures.setdefault(group.key, group)
        group.files[number] = Place(name, reason)
        self._failed[number] = group
        self.changes += 1

    def failed(self, event: FailureEvent | SkipEvent, files: Sequence[int]) -> None:
        """See `RunView`; a shard fails its file, and has nothing to answer for itself."""
        self._forget(files)
        if isinstance(event, FailureEvent) and not event.by_hand and event.whole is None:
            self.add_failure(event.unit_id, event.unit_name, event.cause, event.reason)

    def reopened(self, _event: RetryEvent, files: Sequence[int]) -> None:
        """See `RunView`."""
        for number in files:
            group = self._failed.pop(number, None)
            if group is not None:
                del group.files[number]
                group.waiting[number] = None
                self._waiting[number] = group
                self.changes += 1
        self._retried[files[0]] = files

    def leased(self, event: LeaseEvent) -> None:
        """See `RunView`."""
        self._forget(self._retried.pop(event.unit_id, ()))

    def assigned(self, event: AssignmentEvent) -> None:
        """See `RunView`; what had failed and is tried again by a later session waits."""
        if self._failed:
            for _, order in event.queues:
                numbers = (max(one, ~one) for one in array("i", order))
                self._forget([number for number in numbers if number in self._failed])

    def done(self, _event: DoneEvent, files: Sequence[int]) -> None:
        """See `RunView`."""
        self._forget(files)

    def warned(self, event: WarningEvent) -> None:
        """See `RunView`."""
        notice = event.notice
        group = WarningGroup(notice.kind, "" if notice.kind in notices.WORDS else notice.text)
        self._warnings.setdefault(group.key, group).notices[notice] = None
        self.changes += 1

    def _forget(self, files: Iterable[int]) -> None:
        """Remove these files from failures and retried files."""
        for number in files:
            group = self._failed.pop(number, None) or self._waiting.pop(number, None)
            if group is not None:
                group.files.pop(number, None)
                group.waiting.pop(number, None)
                if not (group.files or group.waiting):
                    del self._failures[group.key]
                self.changes += 1


def failure_groups(files: Iterable[FailedFile]) -> tuple[FailureGroup, ...]:
    """Return failed files by cause, the most frequent cause first."""
    problems = Problems()
    for number, file in enumerate(files):
        problems.add_failure(number, file.name, file.cause, file.reason)
    return problems.failures
