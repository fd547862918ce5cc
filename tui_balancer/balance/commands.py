"""What a person may ask of a run, and the answer."""

from __future__ import annotations

from dataclasses import dataclass

from tui_balancer.balance.model import PolicySettings


@dataclass(frozen=True, slots=True)
class PauseDevice:
    """Hold one device after its batch in flight; its queue becomes free to steal."""

    device: str


@dataclass(frozen=True, slots=True)
class ResumeDevice:
    """Let one device go on."""

    device: str


@dataclass(frozen=True, slots=True)
class PauseAll:
    """Hold every device after its batch in flight.

    Attributes:
        reason: Why; empty when a person just wants it.
    """

    reason: str = ""


@dataclass(frozen=True, slots=True)
class ResumeAll:
    """Let every device go on.

    Attributes:
        reason: Why; empty when a person just wants it.
    """

    reason: str = ""


@dataclass(frozen=True, slots=True)
class SetPolicy:
    """Steal by these rules from now on."""

    settings: PolicySettings


@dataclass(frozen=True, slots=True)
class MoveUnits:
    """Put waiting units at the end of another device's queue; started ones are refused."""

    unit_ids: tuple[int, ...]
    device: str


@dataclass(frozen=True, slots=True)
class SplitUnit:
    """Let a device take over the back of a running unit's batches, as soon as it is free."""

    unit_id: int
    device: str


@dataclass(frozen=True, slots=True)
class ReorderUnits:
    """Let waiting units be the first or the last ones of the queues that they are in.

    Attributes:
        unit_ids: The units, in the order that they are to have.
        first: Before all others; else behind them.
    """

    unit_ids: tuple[int, ...]
    first: bool


@dataclass(frozen=True, slots=True)
class UndoMove:
    """Put what the last `MoveUnits` or `ReorderUnits` moved back, as far as it still waits."""


@dataclass(frozen=True, slots=True)
class SkipUnits:
    """Fail waiting units without computing them; `RetryUnits` takes it back."""

    unit_ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class RetryUnits:
    """Let units wait again that failed in this session or were skipped."""

    unit_ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Drain:
    """Finish the running files, start no others, then end the run."""


@dataclass(frozen=True, slots=True)
class StopNow:
    """End the run after the batches in flight; unfinished files wait for another run."""


Command = (
    PauseDevice
    | ResumeDevice
    | PauseAll
    | ResumeAll
    | SetPolicy
    | MoveUnits
    | SplitUnit
    | ReorderUnits
    | UndoMove
    | SkipUnits
    | RetryUnits
    | Drain
    | StopNow
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """The answer to a command: done, or refused, and why, in one line for a toast."""

    accepted: bool
    message: str
