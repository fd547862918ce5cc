"""Where every unit is: waiting, leased, done or failed; exactly one of them, always."""

from __future__ import annotations

from dataclasses import dataclass, field

from tui_balancer.balance.model import Lease, Progress, Totals, Unit

NOTHING_YET = Progress(0, 0, 0.0)

_ENDS = ("unknown", "done", "failed")


@dataclass(slots=True, eq=False)
class ActiveLease:
    """A lease in force.

    Attributes:
        lease: The unit, who has it, and the attempt.
        incarnation: Which worker of the device has it.
        granted: When, in seconds of the run.
        progress: The last report.
        reported: When work was last seen to advance: the grant, a report, the end of a pause.
        held: Whether the worker was told to pause; its time does not count as work then.
        claimed: The worker is through and the output is being put in place; from here on
            the worker's death changes nothing.
    """

    lease: Lease
    incarnation: int
    granted: float
    progress: Progress = NOTHING_YET
    reported: float = 0.0
    held: bool = False
    claimed: bool = False


@dataclass(slots=True)
class _Counts:
    """Files, sequences, residues and cost of a set of units."""

    files: int = 0
    sequences: int = 0
    residues: int = 0
    cost: float = 0.0

    def add(self, unit: Unit) -> None:
        self.files += unit.files
        self.sequences += unit.sequences
        self.residues += unit.residues
        self.cost += unit.cost


@dataclass(slots=True)
class UnitBook:
    """The place and the history of every unit, and the totals that follow.

    Attributes:
        home: The device in whose queue each waiting unit is.
        active: The lease in force of each running unit.
        ended: How each other unit ended, a byte a unit by its number.
        epochs: Last attempt of the units that came back.
        failed: The units that failed in this session, and may be tried again.
        killed: Devices whose worker died with the unit, one entry a death.
        killed_before: Workers that died with the unit before this session.
    """

    home: dict[int, str] = field(default_factory=dict)
    active: dict[int, ActiveLease] = field(default_factory=dict)
    ended: bytearray = field(default_factory=bytearray)
    epochs: dict[int, int] = field(default_factory=dict)
    killed: dict[int, list[str]] = field(default_factory=dict)
    killed_before: dict[int, int] = field(default_factory=dict)
    failed: dict[int, Unit] = field(default_factory=dict)
    _all: _Counts = field(default_factory=_Counts)
    _done: _Counts = field(default_factory=_Counts)
    _failed_files: int = 0

    def add(self, unit: Unit, device: str) -> None:
        """Enter a new unit that waits for a device."""
        assert self.state(unit.unit_id) == "unknown", f"unit {unit.unit_id} entered twice"
        self._all.add(unit)
        self.home[unit.unit_id] = device

    def add_failed(self, unit: Unit) -> None:
        """Enter a new unit that will never be computed."""
        assert self.state(unit.unit_id) == "unknown", f"unit {unit.unit_id} entered twice"
        self._all.add(unit)
        self._end(unit, done=False)
        self._failed_files += unit.files

    def add_done(self, unit: Unit) -> None:
        """Enter a unit whose outputs are there already."""
        assert self.state(unit.unit_id) == "unknown", f"unit {unit.unit_id} entered twice"
        self._all.add(unit)
        self._done.add(unit)
        self._end(unit, done=True)

    def grant(self, unit: Unit, device: str, incarnation: int, now: float) -> ActiveLease:
        """Turn a waiting unit, already out of its queue, into a lease of its next epoch."""
        del self.home[unit.unit_id]
        epoch = self.epochs.pop(unit.unit_id, 0) + 1
        active = ActiveLease(Lease(unit, device, epoch), incarnation, now, reported=now)
        self.active[unit.unit_id] = active
        return active

    def current(self, unit_id: int, epoch: int) -> ActiveLease | None:
        """Return the lease in force if it is this very attempt."""
        active = self.active.get(unit_id)
        return active if active is not None and active.lease.epoch == epoch else None

    def give_back(self, active: ActiveLease, device: str) -> None:
        """Turn a lease into a unit waiting for a device."""
        unit = active.lease.unit
        del self.active[unit.unit_id]
        self.epochs[unit.unit_id] = active.lease.epoch
        self.home[unit.unit_id] = device

    def finish(self, active: ActiveLease, *, failed_files: int) -> None:
        """End a lease; `failed_files` of the unit's files have no output."""
        unit = active.lease.unit
        del self.active[unit.unit_id]
        self.killed.pop(unit.unit_id, None)
        self.killed_before.pop(unit.unit_id, None)
        done = failed_files < unit.files
        self._end(unit, done=done)
        self._failed_files += failed_files
        if done:
            self._done.add(unit)
            self._done.files -= failed_files
        else:
            self.failed[unit.unit_id] = unit
            self.epochs[unit.unit_id] = active.lease.epoch

    def skip(self, unit: Unit) -> None:
        """End a waiting unit, already out of its queue, as failed."""
        del self.home[unit.unit_id]
        self._end(unit, done=False)
        self._failed_files += unit.files
        self.failed[unit.unit_id] = unit

    def retry(self, unit_id: int, device: str) -> Unit:
        """Turn a unit that failed in this session into one waiting for a device."""
        unit = self.failed.pop(unit_id)
        self.ended[unit_id] = 0
        self._failed_files -= unit.files
        self.home[unit_id] = device
        return unit

    def state(self, unit_id: int) -> str:
        """Return `waiting`, `running`, `done`, `failed` or `unknown`."""
        if unit_id in self.home:
            return "waiting"
        if unit_id in self.active:
            return "running"
        return _ENDS[self.ended[unit_id]] if unit_id < len(self.ended) else _ENDS[0]

    def _end(self, unit: Unit, *, done: bool) -> None:
        short = unit.unit_id + 1 - len(self.ended)
        if short > 0:
            # Half as much again, so that a million units do not move a million times.
            self.ended.extend(bytes(short + len(self.ended) // 2))
        self.ended[unit.unit_id] = _ENDS.index("done" if done else "failed")

    def totals(self) -> Totals:
        """Add up; work done within running units counts, and goes back if they do."""
        running = self.active.values()
        running_files = sum(active.lease.unit.files for active in running)
        return Totals(
            files=self._all.files,
            done=self._done.files,
            failed=self._failed_files,
            running=running_files,
            waiting=self._all.files - self._done.files - self._failed_files - running_files,
            sequences=self._all.sequences,
            sequences_done=self._done.sequences + sum(one.progress.sequences for one in running),
            residues=self._all.residues,
            residues_done=self._done.residues + sum(one.progress.residues for one in running),
            cost=self._all.cost,
            cost_done=self._done.cost + sum(one.progress.cost for one in running),
        )
