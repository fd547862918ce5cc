"""What a person may ask of a run, and the answer."""

from __future__ import annotations

from dataclasses import dataclass

from msgspec import Struct

from tui_balancer.scheduler.model import PolicySettings


class _Command(Struct, frozen=True, tag_field="command", forbid_unknown_fields=True):
    """What every command has: the word that names it where it is stored or sent."""


class PauseDevice(_Command, frozen=True, tag="pause_device"):
    """Hold one device after its batch in flight; its queue becomes free to steal."""

    device: str


class ResumeDevice(_Command, frozen=True, tag="resume_device"):
    """Let one device go on."""

    device: str


class PauseAll(_Command, frozen=True, tag="pause_all"):
    """Hold every device after its batch in flight.

    Attributes:
        reason: Why; empty when a person just wants it.
    """

    reason: str = ""


class ResumeAll(_Command, frozen=True, tag="resume_all"):
    """Let every device go on.

    Attributes:
        reason: Why; empty when a person just wants it.
    """

    reason: str = ""


class SetPolicy(_Command, frozen=True, tag="set_policy"):
    """Steal by these rules from now on."""

    settings: PolicySettings


class MoveUnits(_Command, frozen=True, tag="move_units"):
    """Put waiting units at the end of another device's queue; started ones are refused."""

    unit_ids: tuple[int, ...]
    device: str


class SplitUnit(_Command, frozen=True, tag="split_unit"):
    """Let a device take over the back of a running unit's batches, as soon as it is free."""

    unit_id: int
    device: str


class ReorderUnits(_Command, frozen=True, tag="reorder_units"):
    """Let waiting units be the first or the last ones of the queues that they are in.

    Attributes:
        unit_ids: The units, in the order that they are to have.
        first: Before all others; else behind them.
    """

    unit_ids: tuple[int, ...]
    first: bool


class UndoMove(_Command, frozen=True, tag="undo_move"):
    """Put what the last `MoveUnits` or `ReorderUnits` moved back, as far as it still waits."""


class SkipUnits(_Command, frozen=True, tag="skip_units"):
    """Fail waiting units without computing them; `RetryUnits` takes it back."""

    unit_ids: tuple[int, ...]


class RetryUnits(_Command, frozen=True, tag="retry_units"):
    """Let units wait again that failed in this session or were skipped."""

    unit_ids: tuple[int, ...]


class Drain(_Command, frozen=True, tag="drain"):
    """Finish the running files, start no others, then end the run."""


class StopNow(_Command, frozen=True, tag="stop_now"):
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
