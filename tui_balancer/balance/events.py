"""Everything that happened, one frozen record each, numbered without gaps from 1.

The screen pulls events by number, the ledger appends every one of them; both read the same
record, so what is shown is what is stored.
"""

from __future__ import annotations

from dataclasses import dataclass

from tui_balancer.balance.model import DeviceState


@dataclass(frozen=True, slots=True)
class Event:
    """What every event has: its number, and its time in seconds since the run began."""

    sequence: int
    seconds: float


@dataclass(frozen=True, slots=True)
class StealEvent(Event):
    """A file moved by the coordinator from a busy device's queue to an idle one.

    Attributes:
        unit_id: The unit.
        unit_name: Its name.
        sequences: Its sequences.
        source: The victim.
        target: The idle device.
        reason: Why, in words a person reads in the log.
        finish_without: Estimated finish of the pair without the steal, in seconds from the
            event; None where the policy does not estimate.
        finish_with: The same with the steal.
    """

    unit_id: int
    unit_name: str
    sequences: int
    source: str
    target: str
    reason: str
    finish_without: float | None = None
    finish_with: float | None = None


@dataclass(frozen=True, slots=True)
class MoveEvent(Event):
    """The same as a steal, by a person's hand; within one queue its order has changed.

    Attributes:
        unit_id: The unit.
        unit_name: Its name.
        source: The device for which it waited.
        target: The device for which it waits now.
        reason: How, where there is more to say than that it was moved.
    """

    unit_id: int
    unit_name: str
    source: str
    target: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class SkipEvent(Event):
    """A person had a waiting unit left out; it counts as failed."""

    unit_id: int
    unit_name: str
    device: str
    reason: str


@dataclass(frozen=True, slots=True)
class RetryEvent(Event):
    """A person had a failed or skipped unit wait again, for this device."""

    unit_id: int
    unit_name: str
    device: str


@dataclass(frozen=True, slots=True)
class LeaseEvent(Event):
    """A unit was handed to a worker."""

    unit_id: int
    unit_name: str
    device: str
    epoch: int


@dataclass(frozen=True, slots=True)
class ReturnEvent(Event):
    """A lease came back unfinished, and the unit waits again."""

    unit_id: int
    unit_name: str
    device: str
    epoch: int
    reason: str


@dataclass(frozen=True, slots=True)
class DoneEvent(Event):
    """A unit is finished and its output is in place."""

    unit_id: int
    unit_name: str
    device: str
    epoch: int
    compute_seconds: float


@dataclass(frozen=True, slots=True)
class FailureEvent(Event):
    """A unit will not be finished; the reason is one line. `device` is None for a bad input."""

    unit_id: int
    unit_name: str
    device: str | None
    reason: str


@dataclass(frozen=True, slots=True)
class DeviceEvent(Event):
    """A device changed its state."""

    device: str
    state: DeviceState
    reason: str


@dataclass(frozen=True, slots=True)
class SettingEvent(Event):
    """A person changed how the run behaves; `text` says what is in force now."""

    text: str
