"""For which device each file waited when: the ledger tells who took it, not where it was put."""

from __future__ import annotations

import sys
from array import array
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from tui_balancer.scheduler.events import (
    Event,
    LeaseEvent,
    MoveEvent,
    RetryEvent,
    ReturnEvent,
    SkipEvent,
    StealEvent,
    UnbundleEvent,
)

NEVER = sys.maxsize
NOWHERE = ""
"""Stands for the device of a unit that nobody ever took."""


class QueueHistory:
    """For whom each unit waits, from the beginning and after every event that has it wait anew.

    A unit waited for whoever lost or leased it next, and in the order in which they went. Moves
    within a queue and the order of what was never taken are not told by the events.

    Args:
        events: All of the run, oldest first.
        units: The units that wait in the beginning.
        loads: Files and FLOPs of every unit.

    Attributes:
        loads: As given.
        arrivals: Unit, device and the event that ends it, by the event with which it begins.
        where: The device of every unit in the beginning.
        queues: The same by device, each with the event that ends the wait.
        waiting: Files and FLOPs that wait for each device in the beginning.
    """

    def __init__(
        self,
        events: Sequence[Event],
        units: Iterable[int],
        loads: Mapping[int, tuple[int, float]],
    ) -> None:
        self.loads = loads
        self.arrivals: dict[int, tuple[int, str, int]] = {}
        # Backwards, since the future tells where something waits.
        leaves: dict[int, tuple[str, int]] = {}
        for event in reversed(events):
            if isinstance(event, StealEvent | MoveEvent):
                _, when = leaves.get(event.unit_id, (NOWHERE, NEVER))
                self.arrivals[event.sequence] = (event.unit_id, event.target, when)
                leaves[event.unit_id] = (event.source, event.sequence)
            elif isinstance(event, LeaseEvent):
                if not event.part:
                    leaves[event.unit_id] = (event.device, event.sequence)
            elif isinstance(event, SkipEvent):
                leaves[event.unit_id] = (event.device, event.sequence)
            elif isinstance(event, RetryEvent | ReturnEvent | UnbundleEvent):
                device, when = leaves.pop(event.unit_id, (event.device, NEVER))
                self.arrivals[event.sequence] = (event.unit_id, device, when)
        self.where: dict[int, str] = {}
        self.queues: defaultdict[str, dict[int, int]] = defaultdict(dict)
        self.waiting: dict[str, tuple[int, float]] = {}
        for unit in units:
            device, when = leaves.get(unit, (NOWHERE, NEVER))
            self.where[unit] = device
            self.queues[device][unit] = when
        for device, queue in self.queues.items():
            files, costs = zip(*(loads[unit] for unit in queue), strict=True)
            self.waiting[device] = (sum(files), sum(costs))


class WaitingUnits:
    """The queues of a run as its events go by, one event after the other.

    Args:
        waits: Who waits where.

    Attributes:
        waiting: Files and FLOPs that wait for each device.
    """

    def __init__(self, waits: QueueHistory) -> None:
        self.waiting = defaultdict[str, tuple[int, float]](lambda: (0, 0.0), waits.waiting)
        self._waits = waits
        self._where = dict(waits.where)
        self._queues = defaultdict[str, dict[int, int]](dict)
        self._queues.update({device: dict(queue) for device, queue in waits.queues.items()})

    def follow(self, event: Event) -> None:
        """Go on by an event: the next one."""
        if isinstance(event, StealEvent | MoveEvent | LeaseEvent | SkipEvent):
            self.take_out(event.unit_id)
        if event.sequence in self._waits.arrivals:
            self._put(*self._waits.arrivals[event.sequence])

    def take_out(self, unit: int) -> None:
        """Let a unit wait no longer."""
        device = self._where.pop(unit, None)
        if device is not None:
            del self._queues[device][unit]
            self._count(device, unit, -1)

    def queue(self, device: str) -> list[int]:
        """Return the units that wait for a device, next first."""
        waiting = self._queues.get(device, {})
        return sorted(waiting, key=lambda unit: (waiting[unit], unit))

    def places(self, members: Mapping[int, Sequence[int]]) -> dict[str, array[int]]:
        """Return the numbers of the files in every queue, next first, as `Places` has them."""
        return {
            device: array("i", [file for unit in self.queue(device) for file in members[unit]])
            for device in self._queues
        }

    def _put(self, unit: int, device: str, when: int) -> None:
        self.take_out(unit)
        self._queues[device][unit] = when
        self._where[unit] = device
        self._count(device, unit, 1)

    def _count(self, device: str, unit: int, sign: int) -> None:
        files, cost = self.waiting[device]
        more_files, more_cost = self._waits.loads[unit]
        self.waiting[device] = (files + sign * more_files, cost + sign * more_cost)
