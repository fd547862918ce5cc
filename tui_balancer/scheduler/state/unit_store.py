"""The state of every unit: always exactly one of waiting, leased, done, failed or skipped."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

from tui_balancer.leases import Progress, Spans
from tui_balancer.scheduler.model import Ended, Lease, Totals, Unit
from tui_balancer.scheduler.state.homes import Homes
from tui_balancer.scheduler.state.leases import ActiveLease, UnitAtWork

NOBODY = ""
"""The device of units that wait for no device."""


@dataclass(slots=True)
class _Counts:
    """Files, sequences, residues and cost of a set of units."""

    files: int = 0
    sequences: int = 0
    residues: int = 0
    cost: float = 0.0

    def add(self, unit: Unit) -> None:
        self.files += unit.inputs
        self.sequences += unit.sequences
        self.residues += unit.residues
        self.cost += unit.cost


@dataclass(slots=True)
class UnitStore:
    """The place and the history of every unit, and the totals that follow.

    Attributes:
        home: The device in whose queue each waiting unit is; `NOBODY` for a file that waits for
            its shards.
        bundles: Of each file in a bundle, the number of the bundle.
        ended: How each other file ended, an `Ended` a file by its number.
        names: Of each file and bundle by its number.
        epochs: Last attempt of the units that came back.
        failed: The units that failed or were skipped in this session, and may be tried again.
        killed: Devices whose worker died with the unit, one entry a death.
        killed_before: Workers that died with the unit before this session.
    """

    home: Homes = field(default_factory=Homes)
    active: dict[int, UnitAtWork] = field(default_factory=dict)
    bundles: dict[int, int] = field(default_factory=dict)
    ended: bytearray = field(default_factory=bytearray)
    names: list[str] = field(default_factory=list)
    epochs: dict[int, int] = field(default_factory=dict)
    killed: dict[int, list[str]] = field(default_factory=dict)
    killed_before: dict[int, int] = field(default_factory=dict)
    failed: dict[int, Unit] = field(default_factory=dict)
    _all: _Counts = field(default_factory=_Counts)
    _done: _Counts = field(default_factory=_Counts)
    _failed_files: int = 0
    _skipped_files: int = 0

    def add(self, unit: Unit, device: str) -> None:
        """Enter a new unit that waits for a device."""
        self._enter(unit)
        self.home[unit.unit_id] = device
        for part in unit.parts:
            self.bundles[part.unit_id] = unit.unit_id

    def add_failed(self, unit: Unit, *, skipped: bool = False) -> None:
        """Enter a new unit that will never be computed; `skipped` if a person wanted that."""
        self._enter(unit)
        self._leave_out((unit,), skipped=skipped)

    def add_done(self, unit: Unit) -> None:
        """Enter a unit whose outputs are there already."""
        self._enter(unit)
        self._done.add(unit)
        self._end(unit.numbers, Ended.DONE)

    def grant(self, unit: Unit, device: str, incarnation: int, now: float) -> ActiveLease:
        """Turn a waiting unit, already out of its queue, into a lease of its next epoch."""
        del self.home[unit.unit_id]
        epoch = self.epochs.pop(unit.unit_id, 0) + 1
        active = ActiveLease(Lease(unit, device, epoch), incarnation, now, unit.cost, reported=now)
        self.active[unit.unit_id] = UnitAtWork(unit, {epoch: active}, epoch)
        return active

    def grant_part(
        self, work: UnitAtWork, device: str, incarnation: int, now: float, spans: Spans | None
    ) -> ActiveLease:
        """Lease batches of a running unit to one more device, under its next epoch."""
        work.newest += 1
        lease = Lease(work.unit, device, work.newest, spans)
        active = ActiveLease(lease, incarnation, now, work.unit.cost, reported=now, todo=spans)
        work.leases[work.newest] = active
        work.shared = True
        return active

    def drop(self, active: ActiveLease, *, kept: bool) -> UnitAtWork:
        """End one of several leases of a unit; `kept` if its batches are there to be read."""
        work = self.active[active.lease.unit.unit_id]
        del work.leases[active.lease.epoch]
        assert work.leases, "a running unit has a lease"
        if kept:
            before, done = work.kept, active.progress
            work.kept = Progress(
                before.sequences + done.sequences,
                before.residues + done.residues,
                before.cost + done.cost,
            )
        return work

    def current(self, unit_id: int, epoch: int) -> ActiveLease | None:
        """Return the lease in force if it is this very attempt."""
        work = self.active.get(unit_id)
        return work.leases.get(epoch) if work is not None else None

    def others(self, active: ActiveLease) -> list[ActiveLease]:
        """Return the other leases in force of a lease's unit."""
        work = self.active[active.lease.unit.unit_id]
        return [one for one in work.leases.values() if one is not active]

    def give_back(self, active: ActiveLease, device: str) -> None:
        """Turn a unit's only lease into a unit waiting for a device."""
        unit = active.lease.unit
        self.epochs[unit.unit_id] = self._take_back(active).newest
        self.home[unit.unit_id] = device

    def unbundle(self, active: ActiveLease, device: str) -> None:
        """Turn a bundle's only lease into its files, each waiting for a device."""
        unit = active.lease.unit
        work = self._take_back(active)
        self.killed.pop(unit.unit_id, None)
        self.killed_before.pop(unit.unit_id, None)
        for part in unit.parts:
            del self.bundles[part.unit_id]
            self.epochs[part.unit_id] = work.newest
            self.home[part.unit_id] = device

    def finish(self, active: ActiveLease, failed: Collection[int]) -> None:
        """End a unit with its only lease; the files of these numbers have no output."""
        unit = active.lease.unit
        work = self._take_back(active)
        self.killed.pop(unit.unit_id, None)
        self.killed_before.pop(unit.unit_id, None)
        self._end(unit.numbers, Ended.DONE)
        self._end(failed, Ended.FAILED)
        self._failed_files += len(failed) if unit.whole is None else 0
        if len(failed) < unit.files:
            self._done.add(unit)
            self._done.files -= len(failed)
        else:
            self.failed[unit.unit_id] = unit
            self.epochs[unit.unit_id] = work.newest

    def leave_out(self, units: Collection[Unit], *, skipped: bool) -> None:
        """End waiting units, already out of their queues, as skipped or as failed."""
        numbers = [unit.unit_id for unit in units]
        self.home.remove(numbers)
        self.failed.update(zip(numbers, units, strict=True))
        self._leave_out(units, skipped=skipped)

    def retry(self, unit_ids: Collection[int], device: str) -> list[Unit]:
        """Turn units that failed or were skipped in this session into ones waiting for a device."""
        units = [self.failed.pop(unit_id) for unit_id in unit_ids]
        by_hand = self.skipped(unit_ids)
        skipped = _inputs([unit for unit in units if unit.unit_id in by_hand])
        self._skipped_files -= skipped
        self._failed_files -= _inputs(units) - skipped
        self._end(_files(units), Ended.NOT)
        self.home.put(unit_ids, device)
        return units

    def skipped(self, unit_ids: Iterable[int]) -> set[int]:
        """Return those of these units that a person skipped."""
        ended, known, skipped = self.ended, len(self.ended), int(Ended.SKIPPED)
        return {one for one in unit_ids if one < known and ended[one] == skipped}

    def state(self, unit_id: int) -> str:
        """Return `waiting`, `running`, `done`, `failed`, `skipped` or `unknown`."""
        if unit_id in self.home:
            return "waiting"
        if unit_id in self.active:
            return "running"
        ended = Ended(self.ended[unit_id]) if unit_id < len(self.ended) else Ended.NOT
        return ended.name.lower() if ended else "unknown"

    def name(self, unit_id: int) -> str:
        """Return the name of a file or bundle in any state."""
        known = unit_id < len(self.names) and self.names[unit_id]
        return known or f"file {unit_id}"

    def is_broken_up(self, bundle: Unit) -> bool:
        """Whether the files of a bundle are units of their own now."""
        return bundle.unit_id not in self.bundles

    def whole(self, number: int) -> int:
        """Return the number of the unit that a file is part of."""
        return self.bundles.get(number, number)

    def _enter(self, unit: Unit) -> None:
        assert self.state(unit.unit_id) == "unknown", f"unit {unit.unit_id} entered twice"
        self._all.add(unit)
        for one in (unit, *unit.parts):
            missing = one.unit_id + 1 - len(self.names)
            if missing > 0:
                self.names.extend([""] * missing)
            self.names[one.unit_id] = one.name

    def _take_back(self, active: ActiveLease) -> UnitAtWork:
        """End the work on a unit with its only lease."""
        work = self.active.pop(active.lease.unit.unit_id)
        assert list(work.leases.values()) == [active], "others still work on the unit"
        return work

    def _leave_out(self, units: Collection[Unit], *, skipped: bool) -> None:
        self._end(_files(units), Ended.SKIPPED if skipped else Ended.FAILED)
        inputs = _inputs(units)
        if skipped:
            self._skipped_files += inputs
        else:
            self._failed_files += inputs

    def _end(self, files: Collection[int], ended: Ended) -> None:
        short = max(files, default=0) + 1 - len(self.ended)
        if short > 0:
            # Grow by half, so that a million files are not copied a million times.
            self.ended.extend(bytes(short + len(self.ended) // 2))
        for number in files:
            self.ended[number] = ended

    def totals(self) -> Totals:
        """Add up; work done within running units counts, and goes back if they do."""
        running = self.active.values()
        # A divided file runs while a shard of it does, unless it has failed.
        wholes = {work.unit.whole for work in running if work.unit.whole in self.home}
        running_files = sum(work.unit.inputs for work in running) + len(wholes)
        done = [work.progress() for work in running]
        ended = self._done.files + self._failed_files + self._skipped_files
        return Totals(
            files=self._all.files,
            done=self._done.files,
            failed=self._failed_files,
            skipped=self._skipped_files,
            running=running_files,
            waiting=self._all.files - ended - running_files,
            sequences=self._all.sequences,
            sequences_done=self._done.sequences + sum(one.sequences for one in done),
            residues=self._all.residues,
            residues_done=self._done.residues + sum(one.residues for one in done),
            cost=self._all.cost,
            cost_done=self._done.cost + sum(one.cost for one in done),
        )


def _files(units: Collection[Unit]) -> list[int]:
    numbers = [unit.unit_id for unit in units]
    # The first one has the number of the bundle.
    return numbers + [part.unit_id for unit in units if unit.parts for part in unit.parts[1:]]


def _inputs(units: Iterable[Unit]) -> int:
    return sum([unit.files for unit in units if unit.whole is None])
