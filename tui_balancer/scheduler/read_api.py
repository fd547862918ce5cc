"""The read API of a coordinator: consistent metrics, events, queues and totals."""

from __future__ import annotations

import threading
from array import array
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

from tui_balancer.scheduler.events import Event, StealEvent
from tui_balancer.scheduler.model import (
    DeviceMetrics,
    PolicySettings,
    Totals,
    Unit,
    next_units_each,
)
from tui_balancer.scheduler.state.state import SchedulerState
from tui_balancer.scheduler.state.unit_store import NOBODY


@dataclass(frozen=True, slots=True, kw_only=True)
class CoordinatorSnapshot:
    """An immutable snapshot of the work, taken under one lock.

    Attributes:
        totals: Counts of files, sequences, residues and cost.
        devices: Metrics per device, in device order.
        policy: The current stealing policy.
        paused: Whether every live device is held.
        sequences_per_second: Sum of the devices' figures; None before any was measured.
        eta_seconds: Estimated seconds to the end; None while unknown.
        last_event: Number of the newest event.
        efficiency: Bound of the work done so far over the time it took, in [0, 1]; None before any
            was done.
    """

    totals: Totals
    policy: PolicySettings
    devices: tuple[DeviceMetrics, ...] = ()
    paused: bool = False
    sequences_per_second: float | None = None
    residues_per_second: float | None = None
    eta_seconds: float | None = None
    last_event: int = 0
    efficiency: float | None = None

    def values(self) -> dict[str, Any]:
        """Return the figures by their names, for a `RunSnapshot`."""
        return {one.name: getattr(self, one.name) for one in fields(self)}


@dataclass(frozen=True, slots=True)
class Places:
    """The place of every file at one moment, compact enough for frequent reads.

    A file that is neither in a queue nor ended is running, or not known yet.

    Attributes:
        last_event: Number of the newest event: without a new one, no file has moved.
        queues: For each device the numbers of the files waiting for it, next first; those of a
            bundle side by side. Divided files of which no shard runs wait for `NOBODY`.
        ended: A byte a file by its number: an `Ended` each; it may be longer or shorter than
            there are files.
    """

    last_event: int
    queues: dict[str, array[int]]
    ended: bytes


class ReadApi:
    """The read API of a coordinator; every method takes the lock and returns at once."""

    def __init__(self, state: SchedulerState) -> None:
        self._state = state
        self._condition = threading.Condition()

    @property
    def over(self) -> bool:
        """Whether nothing runs and nothing can start any more."""
        with self._condition:
            return self._state.over

    @property
    def version(self) -> int:
        """Increases with every change after which an idle worker may get another answer."""
        with self._condition:
            return self._state.version

    def get_gpu_metrics(self) -> tuple[DeviceMetrics, ...]:
        """Return the metrics of every device, in device order."""
        with self._condition:
            now = self._state.clock()
            device_pool = self._state.device_pool
            records = tuple(device_pool)
            ahead = next_units_each(len(records))
            rows = []
            for record in records:
                rate = device_pool.rate(record)
                waiting = device_pool.waiting_cost(record, rate) if rate else 0.0
                rows.append(record.metrics(now, rate, waiting, ahead))
            return tuple(rows)

    def absent(self) -> tuple[str, ...]:
        """Return the devices that should have a worker and have none."""
        with self._condition:
            pool = self._state.device_pool
            return tuple(one.device for one in pool if one.live and not one.present)

    def is_drained(self, device: str) -> bool:
        """Whether a device should have no worker until it is started again."""
        with self._condition:
            return self._state.device_pool[device].drained

    def leaving(self, seconds: float) -> tuple[str, ...]:
        """Return the devices whose workers were told to end at least so many seconds ago."""
        with self._condition:
            told = self._state.clock() - seconds
            return tuple(
                one.device
                for one in self._state.device_pool
                if one.leaving_since is not None and one.leaving_since <= told
            )

    def measured_rates(self, model: int = 0) -> dict[str, float]:
        """Return the latest measured FLOP/s of each device with a model."""
        with self._condition:
            rates = {record.device: record.paces[model].rate for record in self._state.device_pool}
            return {device: rate for device, rate in rates.items() if rate is not None}

    def newest_epoch(self, unit_id: int) -> int:
        """Return the newest attempt at a running unit; 0 for others."""
        with self._condition:
            work = self._state.units.active.get(unit_id)
            return work.newest if work is not None else 0

    def get_recent_steal_events(self) -> tuple[StealEvent, ...]:
        """Return the last 50 steals, oldest first."""
        with self._condition:
            return self._state.log.steals()

    def events_after(self, sequence: int) -> tuple[Event, ...]:
        """Return the kept events with a higher number, oldest first."""
        with self._condition:
            return self._state.log.after(sequence)

    def queue(self, device: str) -> tuple[Unit, ...]:
        """Return the units waiting for a device, next first."""
        with self._condition:
            return tuple(self._state.device_pool[device].queue)

    def head(self, device: str) -> Unit | None:
        """Return the unit at the head of a device's queue, its probable next one."""
        with self._condition:
            queue = self._state.device_pool[device].queue
            return queue.head() if queue else None

    def places(self, known: int) -> Places | None:
        """Return the places of all units, or None if there is no event after number `known`."""
        with self._condition:
            state = self._state
            if state.log.last == known:
                return None
            queues = {record.device: record.queue.numbers() for record in state.device_pool}
            if idle := state.divided.idle():
                queues[NOBODY] = array("i", idle)
            return Places(state.log.last, queues, bytes(state.units.ended))

    def queue_length(self, device: str) -> int:
        """Return the number of units that wait for a device."""
        with self._condition:
            return len(self._state.device_pool[device].queue)

    def totals(self) -> Totals:
        """Return the counts over the whole run."""
        with self._condition:
            return self._state.units.totals()

    def snapshot(self) -> CoordinatorSnapshot:
        """Return the current snapshot."""
        with self._condition:
            devices, device_pool = self.get_gpu_metrics(), self._state.device_pool
            return CoordinatorSnapshot(
                totals=self._state.units.totals(),
                devices=devices,
                policy=self._state.balancer.policy.settings,
                paused=bool(device_pool.live) and not device_pool.at_work,
                sequences_per_second=_sum([row.sequences_per_second for row in devices]),
                residues_per_second=_sum([row.residues_per_second for row in devices]),
                eta_seconds=self._state.eta_seconds(),
                last_event=self._state.log.last,
                efficiency=self._state.efficiency(),
            )


def _sum(figures: Sequence[float | None]) -> float | None:
    known = [figure for figure in figures if figure is not None]
    return sum(known) if known else None
