"""Tracks files divided into shards, and ends a file with its shards.

The file's own unit waits apart from the queues. When the last of its shards is done it goes to the
device that did that one, to make the file's outputs of what the shards left. When a shard fails
the file fails, and shards that still wait are put aside: they are needed only if the file is tried
again.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from tui_balancer.failures import Failure
from tui_balancer.scheduler.event_log import EventLog
from tui_balancer.scheduler.events import FailureEvent, RetryEvent
from tui_balancer.scheduler.model import Unit
from tui_balancer.scheduler.policy.balancer import Balancer
from tui_balancer.scheduler.state.device_pool import DevicePool
from tui_balancer.scheduler.state.device_record import DeviceRecord
from tui_balancer.scheduler.state.unit_store import NOBODY, UnitStore


@dataclass(eq=False, slots=True)
class DividedFiles:
    """Tracks the shards of files; the caller records changes of queues."""

    device_pool: DevicePool
    units: UnitStore
    log: EventLog
    balancer: Balancer
    _files: dict[int, Unit] = field(default_factory=dict)
    _unfinished: dict[int, set[int]] = field(default_factory=dict)
    _file_of: dict[int, int] = field(default_factory=dict)
    _aside: set[int] = field(default_factory=set)

    def enter(self, units: Iterable[Unit]) -> list[Unit]:
        """Add files with unfinished shards, and return the units to assign."""
        given = list(units)
        for unit in given:
            if unit.whole is not None:
                self._file_of[unit.unit_id] = unit.whole
                self._unfinished.setdefault(unit.whole, set()).add(unit.unit_id)
        if not self._unfinished:
            return given
        for unit in given:
            if unit.unit_id in self._unfinished:
                self.units.add(unit, NOBODY)
                self._files[unit.unit_id] = unit
        return [unit for unit in given if unit.unit_id not in self._unfinished]

    def waits(self, unit_id: int) -> bool:
        """Whether a file waits for its shards."""
        return unit_id in self._files and self.units.home.get(unit_id) == NOBODY

    def waiting(self, unit_id: int) -> Sequence[int]:
        """Return the shards of a file that wait in queues, if it waits for them."""
        if not self.waits(unit_id):
            return ()
        return [one for one in self._files[unit_id].shards if one in self.units.home]

    def idle(self) -> list[int]:
        """Return the files that wait for their shards while no device computes one."""
        return [
            unit_id
            for unit_id, unit in self._files.items()
            if self.waits(unit_id) and self.units.active.keys().isdisjoint(unit.shards)
        ]

    def file_of(self, number: int) -> int:
        """Return the number of the file that a unit is a shard of; its own if it is none."""
        return self._file_of.get(number, number)

    def finished(self, shard: Unit, record: DeviceRecord) -> None:
        """Record that a device has finished a shard."""
        assert shard.whole is not None, "a shard has a file"
        self._unfinished[shard.whole].discard(shard.unit_id)
        self._release(shard.whole, record)

    def failed(self, shard: Unit, device: str, failure: Failure) -> None:
        """Fail the file of a failed shard."""
        assert shard.whole is not None, "a shard has a file"
        if self.waits(shard.whole):
            file = self.leave_out(shard.whole, skipped=False)
            place = file.shards.index(shard.unit_id) + 1
            text = f"shard {place} of {len(file.shards)}: {failure.reason}"
            self.log.add(
                FailureEvent,
                file.unit_id,
                file.name,
                device,
                text,
                waiting=True,
                cause=failure.cause,
            )

    def leave_out(self, unit_id: int, *, skipped: bool) -> Unit:
        """End a file that waits for its shards as skipped or failed; the caller logs why."""
        file = self._files[unit_id]
        for number in self.waiting(unit_id):
            self._put_aside(number, skipped=skipped)
        self.units.leave_out((file,), skipped=skipped)
        self.balancer.forget()
        return file

    def returned(self, shard: Unit) -> None:
        """Note that a shard waits again; it is put aside if its file has failed meanwhile."""
        assert shard.whole is not None, "a shard has a file"
        if shard.unit_id in self.units.home and not self.waits(shard.whole):
            self._put_aside(shard.unit_id, skipped=self.units.state(shard.whole) == "skipped")

    def can_retry(self, unit_id: int) -> bool:
        """Whether a file has failed before its shards were all done."""
        return unit_id in self._unfinished and unit_id in self.units.failed

    def retry(self, unit_id: int, record: DeviceRecord) -> Unit:
        """Queue a failed file and its unfinished shards again."""
        (file,) = self.units.retry((unit_id,), NOBODY)
        for number in file.shards:
            if number in self.units.failed:
                (shard,) = self.units.retry((number,), record.device)
                record.queue.append(shard)
                if number not in self._aside:
                    self.log.add(RetryEvent, number, shard.name, record.device)
        self._aside.difference_update(file.shards)
        through = not self._unfinished[unit_id]
        self.log.add(RetryEvent, unit_id, file.name, record.device, first=through)
        self._release(unit_id, record)
        return file

    def _put_aside(self, number: int, *, skipped: bool) -> None:
        """Remove an unneeded shard from its queue."""
        queue = self.device_pool[self.units.home[number]].queue
        unit = queue[number]
        queue.remove(unit)
        self.units.leave_out((unit,), skipped=skipped)
        self._aside.add(number)

    def _release(self, unit_id: int, record: DeviceRecord) -> None:
        """Assign a file to a device once all of its shards are done."""
        if self.waits(unit_id) and not self._unfinished[unit_id]:
            del self._unfinished[unit_id]
            record.queue.push_front(self._files.pop(unit_id))
            self.units.home[unit_id] = record.device
            self.balancer.note(record)
