"""Everything that happened, one frozen record each, numbered without gaps from 1.

The screen pulls events by number, the ledger appends every one of them; both read the same
record, so what is shown is what is stored.
"""

from __future__ import annotations

from typing import ClassVar

from msgspec import Struct

from tui_balancer.failures import FailureCause
from tui_balancer.notices import Notice
from tui_balancer.scheduler.model import RETURNED, DeviceState, ReturnCause


class Event(Struct, frozen=True, tag_field="event"):
    """What every event has: its number, and its time in seconds since the run began.

    Its tag is the kind: the word that names it in the ledger and in messages.
    """

    sequence: int
    seconds: float


class UnitEvent(Event, frozen=True):
    """What happened to a unit: its number, and its name as it was then."""

    unit_id: int
    unit_name: str


class AttemptEvent(UnitEvent, frozen=True):
    """What happened in an attempt at a unit: the device that has or had it, and the epoch."""

    device: str
    epoch: int


class AssignmentEvent(Event, frozen=True, tag="assignment"):
    """These devices have these queues now: at the start of the work, or after an undone move.

    Attributes:
        queues: Of each device named its queue, as `WorkQueue.order` has it.
    """

    queues: tuple[tuple[str, bytes], ...]


class StealEvent(UnitEvent, frozen=True, tag="steal"):
    """A file moved by the coordinator from a busy device's queue to an idle one.

    Attributes:
        sequences: Its sequences.
        source: The victim.
        target: The idle device.
        reason: Why, in words a person reads in the log.
        finish_without: Estimated finish of the pair without the steal, in seconds from the
            event; None where the policy does not estimate.
        finish_with: The same with the steal.
        source_ends: When the victim would be through with all it had, and when it is without this
            unit; estimated seconds from the event. None where its speed is not known yet, or it
            is held.
        target_ends: The same of the idle device, without the unit and with it.
        file_count: Files in the unit.
        first: Whether it is the next one of the idle device, and not the last.
    """

    sequences: int
    source: str
    target: str
    reason: str
    finish_without: float | None = None
    finish_with: float | None = None
    source_ends: tuple[float, float] | None = None
    target_ends: tuple[float, float] | None = None
    file_count: int = 1
    first: bool = True


class MoveEvent(UnitEvent, frozen=True, tag="move"):
    """The same as a steal, by a person's hand; within one queue its order has changed.

    Attributes:
        source: The device for which it waited.
        target: The device for which it waits now.
        reason: How, where there is more to say than that it was moved.
        first: Whether it is the next one of that device, and not the last.
    """

    source: str
    target: str
    reason: str = ""
    first: bool = False


class SkipEvent(UnitEvent, frozen=True, tag="skip"):
    """A person had a waiting unit left out.

    Attributes:
        device: For which it waited.
        reason: In words.
        files: Of a bundle, the numbers of its files; empty for a file alone.
    """

    by_hand: ClassVar[bool] = True

    device: str
    reason: str
    files: tuple[int, ...] = ()


class RetryEvent(UnitEvent, frozen=True, tag="retry"):
    """A person had a failed or skipped unit wait again, for this device; `files` as above.

    It is the last one of that device, or the `first`.
    """

    device: str
    files: tuple[int, ...] = ()
    first: bool = False


class SplitEvent(UnitEvent, frozen=True, tag="split"):
    """An idle device joined another one in a running unit.

    Attributes:
        source: Who had its batches.
        target: Who has some of them now.
        batches: How many of them.
        of: How many the unit has.
        reason: Why, in words a person reads in the log.
        finish_without: Estimated finish of the source's share if it stays, in seconds from the
            event; None where that was not asked.
        finish_with: The same when both work on it.
        copy: Whether the source goes on with the same batches, and the first one counts.
        source_ends: When the source would be through with its share of the unit, and when it is
            without these batches; of a copy, when the first of the two is. Estimated seconds from
            the event; None where its speed is not known yet, or it is held.
        target_ends: When the target is through with the unit: at once if it takes no part in it,
            and with these batches. None where its speed is not known yet.
    """

    source: str
    target: str
    batches: int
    of: int
    reason: str
    finish_without: float | None = None
    finish_with: float | None = None
    copy: bool = False
    source_ends: tuple[float, float] | None = None
    target_ends: tuple[float, float] | None = None


class LeaseEvent(AttemptEvent, frozen=True, tag="lease"):
    """A unit was handed to a worker; `part` when others work on it too."""

    part: bool = False


class PartEvent(AttemptEvent, frozen=True, tag="part"):
    """A lease is over while others go on with its unit; its batches are kept.

    Attributes:
        sequences: Sequences that it embedded and nobody else.
        residues: Residues of them.
        cost: FLOPs of them.
        compute_seconds: Time its batches were in flight, or nearly so.
        reason: Why it ended before it was through; empty when it was.
    """

    sequences: int
    residues: int
    cost: float
    compute_seconds: float
    reason: str = ""


class ReturnEvent(AttemptEvent, frozen=True, tag="return"):
    """A lease came back unfinished, and the unit waits again.

    Attributes:
        cause: Why.
        detail: How a worker died; empty for every other cause.
        charged: Whether a worker's death counts against the unit.
        queue: The device whose next unit it is; empty where others work on it, or nobody needs
            it: a shard of a file that has failed.
    """

    cause: ReturnCause
    detail: str = ""
    charged: bool = False
    queue: str = ""

    @property
    def reason(self) -> str:
        """Why, in words."""
        return self.detail or RETURNED[self.cause]


class UnbundleEvent(AttemptEvent, frozen=True, tag="unbundle"):
    """A bundle killed too many workers: its files wait one by one, to find the one to blame.

    Attributes:
        files: The numbers of its files.
        reason: How that worker died.
        queue: The device whose next units they are.
    """

    files: tuple[int, ...]
    reason: str
    queue: str = ""


class DoneEvent(AttemptEvent, frozen=True, tag="done"):
    """A unit is finished and its output is in place.

    Attributes:
        compute_seconds: Time in which its batches were in flight.
        files: Of a bundle, the numbers of the files that have an output; empty for a file alone.
        predicted_seconds: How long that was to take, as thought when it began; None where that
            was unknown, or others did some of it.
    """

    compute_seconds: float
    files: tuple[int, ...] = ()
    predicted_seconds: float | None = None


class FailureEvent(UnitEvent, frozen=True, tag="failure"):
    """A unit will not be finished.

    Attributes:
        device: Where that turned out; None for a bad input.
        reason: Why, in one line.
        waiting: Whether nobody had it: it is a file that needed what has failed.
        by_hand: Whether a person skipped it in an earlier session.
        cause: The reason as code knows it.
        whole: Of a shard, the number of its file.
    """

    device: str | None
    reason: str
    waiting: bool = False
    by_hand: bool = False
    cause: FailureCause = FailureCause.UNEXPECTED
    whole: int | None = None


class DeviceEvent(Event, frozen=True, tag="device"):
    """A device changed its state."""

    device: str
    state: DeviceState
    reason: str


class SettingEvent(Event, frozen=True, tag="setting"):
    """A person changed how the run behaves; `text` says what is in force now."""

    text: str


class WarningEvent(Event, frozen=True, tag="warning"):
    """A warning."""

    notice: Notice


RunEvent = (
    AssignmentEvent
    | StealEvent
    | MoveEvent
    | SkipEvent
    | RetryEvent
    | SplitEvent
    | LeaseEvent
    | PartEvent
    | ReturnEvent
    | UnbundleEvent
    | DoneEvent
    | FailureEvent
    | DeviceEvent
    | SettingEvent
    | WarningEvent
)
"""Every event that a run can have."""
