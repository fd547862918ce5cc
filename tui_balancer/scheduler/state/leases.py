"""The current leases and their running units."""

from __future__ import annotations

from math import inf

from msgspec import Struct

from tui_balancer.leases import Progress, Spans
from tui_balancer.scheduler.model import Lease, Unit
from tui_balancer.scheduler.splitting.batches import BatchPlan

NOTHING_YET = Progress(0, 0, 0.0)


class ActiveLease(Struct, eq=False, gc=False):
    """A current lease.

    Attributes:
        lease: Unit, device and attempt.
        incarnation: Which worker of the device has it.
        granted: When, in seconds of the run.
        left: FLOPs of its batches that were not reported.
        progress: The last report.
        reported: When work was last seen to advance: the grant, a report, the end of a pause.
        held: Whether the worker was told to pause; its time does not count as work then.
        computed: Whether all its vectors are there: the outputs are being written, during the
            computing of another lease.
        claimed: The outputs are written and are being put in place; from here on the worker's
            death changes nothing.
        in_flight: FLOPs of the first of them; inf while they are unknown.
        todo: Those batches, the first of which may be in flight; None while they are unknown.
        reshared: Whether the worker has yet to hear that its batches have changed.
        merging: Whether all batches are kept and its worker brings them together.
        restored: Whether batches of earlier attempts were taken over.
        rate: FLOP/s that its device was thought to do when it began; 0 when that was unknown.
        predicted: Seconds that its batches were to take; None likewise.
        twin: Epoch of the lease on another device that computes the same batches, of which
            the first one to be through counts; 0 without one.
    """

    lease: Lease
    incarnation: int
    granted: float
    left: float
    progress: Progress = NOTHING_YET
    reported: float = 0.0
    held: bool = False
    computed: bool = False
    claimed: bool = False
    in_flight: float = inf
    todo: Spans | None = None
    reshared: bool = False
    merging: bool = False
    restored: bool = False
    rate: float = 0.0
    predicted: float | None = None
    twin: int = 0


class UnitAtWork(Struct, eq=False, gc=False):
    """A running unit: who computes it, and what is known of its batches.

    Attributes:
        leases: Those in force by epoch; several when its batches are divided.
        newest: The newest epoch.
        plan: Its batches; None until a worker has told them.
        kept: What leases have done that are over, their batches being kept.
        shared: Whether its batches were ever divided: then the last lease merges them.
    """

    unit: Unit
    leases: dict[int, ActiveLease]
    newest: int
    plan: BatchPlan | None = None
    kept: Progress = NOTHING_YET
    shared: bool = False

    @property
    def device(self) -> str:
        """The first of the current leases."""
        return next(iter(self.leases.values())).lease.device

    def progress(self) -> Progress:
        """Return what was done of it by all; no more than there is, should work be done twice."""
        parts = [self.kept, *(one.progress for one in self.leases.values())]
        return Progress(
            min(self.unit.sequences, sum(part.sequences for part in parts)),
            min(self.unit.residues, sum(part.residues for part in parts)),
            min(self.unit.cost, sum(part.cost for part in parts)),
        )
