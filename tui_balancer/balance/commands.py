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
class Drain:
    """Finish the running files, start no others, then end the run."""


@dataclass(frozen=True, slots=True)
class StopNow:
    """End the run after the batches in flight; unfinished files wait for another run."""


Command = (
    PauseDevice | ResumeDevice | PauseAll | ResumeAll | SetPolicy | MoveUnits | Drain | StopNow
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """The answer to a command: done, or refused, and why, in one line for a toast."""

    accepted: bool
    message: str
