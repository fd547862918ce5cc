"""The events of a run, frozen and numbered without gaps from 1.

The screen reads events by number, the ledger appends each; both use the same objects, so the
screen shows what is stored.
"""

from __future__ import annotations

from typing import ClassVar

from msgspec import Struct

from tui_balancer.failures import FailureCause
from tui_balancer.notices import Notice
from tui_balancer.scheduler.model import RETURNED, DeviceState, ReturnCause
from tui_balancer.scheduler.unit_order import file_numbers, files_by_unit, first_numbers


class Event(Struct, frozen=True, gc=False, tag_field="event"):
    """Base of all events: number, and time in seconds since the run started.

    The tag is the kind: its name in the ledger and in messages.
    """

    sequence: int
    seconds: float


class UnitEvent(Event, frozen=True):
    """An event of a unit: its number, and its name at that time."""

    unit_id: int
    unit_name: str


class AttemptEvent(UnitEvent, frozen=True):
    """An event of an attempt at a unit: its device and epoch."""

    device: str
    epoch: int


class GroupEvent(UnitEvent, frozen=True, kw_only=True):
    """An event of one unit or of many; those have the number of the first, and a common name.

    Attributes:
        units: All of them in their order, as `queue_order` encodes them; empty for a single file.
    """

    units: bytes = b""

    @property
    def unit_ids(self) -> list[int]:
        """The numbers of the units."""
        return first_numbers(self.units) or [self.unit_id]

    @property
    def numbers(self) -> list[int]:
        """The numbers of all files."""
        return file_numbers(self.units) or [self.unit_id]

    @property
    def files(self) -> list[tuple[int, ...]]:
        """The numbers of the files of each unit, of which the first is the unit's."""
        return files_by_unit(self.units) or [(self.unit_id,)]


class AssignmentEvent(Event, frozen=True, tag="assignment"):
    """Units are now the last ones in queues: all of a queue, or those that were added to it.

    Attributes:
        queues: Units of each named device, next first, as `queue_order` encodes them.
    """

    queues: tuple[tuple[str, bytes], ...]


class AddedEvent(Event, frozen=True, tag="added"):
    """Files were added to a run at work; the next events assign them, or say why they failed.

    Attributes:
        first: Number of the first one; the others follow.
        count: Number of files and shards.
        files: Number of files.
        text: Which, as text for the log.
        idle_seconds: Seconds before it in which the run had nothing to do.
    """

    first: int
    count: int
    files: int
    text: str
    idle_seconds: float = 0.0


class StealEvent(UnitEvent, frozen=True, tag="steal"):
    """The coordinator moved a file from another device's queue to an idle device.

    Attributes:
        source: The victim.
        target: The idle device.
        reason: Why, as text for the log.
        finish_without: Estimated finish of the pair without the steal, in seconds from the
            event; None if the policy does not estimate.
        finish_with: The same with the steal.
        source_ends: Finish time of the victim without and with the steal; estimated seconds from
            the event. None if its speed is unknown, or it is held.
        target_ends: The same for the idle device.
        file_count: Files in the unit.
        first: Whether it is at the front of the idle device's queue, not at the end.
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


class MoveEvent(GroupEvent, frozen=True, tag="move"):
    """A person moved waiting units; within one queue, only their positions have changed.

    Attributes:
        source: The device they waited for.
        target: The device they wait for now.
        reason: Details, if any.
        first: Whether they are at the front of that device's queue, not at the end.
    """

    source: str
    target: str
    reason: str = ""
    first: bool = False


class SkipEvent(GroupEvent, frozen=True, tag="skip"):
    """A person skipped waiting units.

    Attributes:
        device: The device they waited for.
        reason: The reason as text.
    """

    by_hand: ClassVar[bool] = True

    device: str
    reason: str


class RetryEvent(GroupEvent, frozen=True, tag="retry"):
    """A person retried failed or skipped units, which wait for this device.

    They are at the end of that device's queue, or at the front if `first`.
    """

    device: str
    first: bool = False


class SplitEvent(UnitEvent, frozen=True, tag="split"):
    """An idle device joined another device's running unit.

    Attributes:
        source: The device that had its batches.
        target: The device that has some of them now.
        batches: Number of them.
        of: Number of the unit's batches.
        reason: Why, as text for the log.
        finish_without: Estimated finish of the source's share if it stays, in seconds from the
            event; None if not estimated.
        finish_with: The same when both work on it.
        copy: Whether the source continues with the same batches, and the first to finish counts.
        source_ends: Finish time of the source's share without and with the split; for a copy, of
            the first of both. Estimated seconds from the event; None if its speed is unknown, or it
            is held.
        target_ends: Finish time of the target in the unit: at once without the split, and with
            these batches. None if its speed is unknown.
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
    """A worker leased a unit; `part` if others work on it too."""

    part: bool = False


class PartEvent(AttemptEvent, frozen=True, tag="part"):
    """A lease ended while others continue with its unit; its batches are kept.

    Attributes:
        sequences: Sequences that only it embedded.
        cost: Their FLOPs.
        compute_seconds: Approximate seconds with batches in flight.
        reason: Why it ended early; empty if it finished.
    """

    sequences: int
    residues: int
    cost: float
    compute_seconds: float
    reason: str = ""


class ReturnEvent(AttemptEvent, frozen=True, tag="return"):
    """A lease returned unfinished, and the unit waits again.

    Attributes:
        cause: Why.
        detail: How the worker died; empty for other causes.
        charged: Whether a worker's death counts against the unit.
        queue: The device whose next unit it is; empty if others work on it, or it is not needed:
            a shard of a failed file.
    """

    cause: ReturnCause
    detail: str = ""
    charged: bool = False
    queue: str = ""

    @property
    def reason(self) -> str:
        """The reason as text."""
        return self.detail or RETURNED[self.cause]


class UnbundleEvent(AttemptEvent, frozen=True, tag="unbundle"):
    """A bundle killed too many workers: its files wait individually, to find the cause.

    Attributes:
        files: The numbers of its files.
        reason: How the last worker died.
        queue: The device whose next units they are.
    """

    files: tuple[int, ...]
    reason: str
    queue: str = ""


class DoneEvent(AttemptEvent, frozen=True, tag="done"):
    """A unit is done and its output is in place.

    Attributes:
        compute_seconds: Seconds with batches in flight.
        files: Numbers of a bundle's files with an output; empty for a single file.
        predicted_seconds: The prediction of that time at its start; None if unknown, or others
            did a part.
    """

    compute_seconds: float
    files: tuple[int, ...] = ()
    predicted_seconds: float | None = None


class FailureEvent(UnitEvent, frozen=True, tag="failure"):
    """A unit failed.

    Attributes:
        device: The device where it failed; None for an invalid input.
        reason: Why, in one line.
        waiting: Whether no worker had it: it depended on a failed shard.
        by_hand: Whether a person skipped it in an earlier session.
        cause: The reason as an enum.
        whole: Number of a shard's file.
    """

    device: str | None
    reason: str
    waiting: bool = False
    by_hand: bool = False
    cause: FailureCause = FailureCause.UNEXPECTED
    whole: int | None = None


class DeviceEvent(Event, frozen=True, tag="device"):
    """The state of a device changed."""

    device: str
    state: DeviceState
    reason: str


class SettingEvent(Event, frozen=True, tag="setting"):
    """A setting of the run was changed, or decided by the program; `text` says the new value.

    Attributes:
        by_hand: Whether a person changed it.
    """

    text: str
    by_hand: bool = True


class WarningEvent(Event, frozen=True, tag="warning"):
    """A warning."""

    notice: Notice


RunEvent = (
    AssignmentEvent
    | AddedEvent
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
"""All events of a run."""
