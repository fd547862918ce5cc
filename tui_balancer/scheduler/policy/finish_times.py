"""When each device and the whole run will end, kept up to date one device at a time.

Looking at every device costs more than a decision may on a thousand of them. But at steady
rates the moments at which queues end stand still, whatever the clock says: so devices stay
sorted by their end, and only one that something happened to is put in a new place.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice, takewhile
from math import inf

from tui_balancer.scheduler.policy.stealing import Victim
from tui_balancer.scheduler.state.device_pool import DevicePool
from tui_balancer.scheduler.state.device_record import DeviceRecord

TOLERANCE = 0.05
"""By how much a rate may differ before estimates made with another one are discarded."""


@dataclass(slots=True)
class _Place:
    """What one device contributes to the sums, and where it stands in the lists.

    Attributes:
        work: FLOPs left of unit and queue, had the unit begun at moment 0.
        flow: FLOP/s at which `work` shrinks: its rate while a unit runs.
        rate: FLOP/s it adds to those at work; 0 if it is not one of them.
        queued: Moment at which its queue is empty, if others may steal from it.
        busy: The same, if it computes.
        running: Moment at which its running unit is through, likewise.
    """

    work: float = 0.0
    flow: float = 0.0
    rate: float = 0.0
    queued: float | None = None
    busy: float | None = None
    running: float | None = None


_NOWHERE = _Place()


class FinishTimes:
    """When the run would end if work were spread evenly, and who would be last otherwise.

    Attributes:
        gain_seconds: Least gain that a steal must have.
        fastest: FLOP/s that no device exceeds, as far as is known; 0 before a first rate.
    """

    def __init__(self, device_pool: DevicePool) -> None:
        self._device_pool = device_pool
        self.gain_seconds = 0.0
        self.fastest = 0.0
        self._all_refuse = 0.0
        self.forget()

    def forget(self) -> None:
        """Discard all estimates: devices, queues or rules have changed."""
        self._stale = True
        self._records = list(self._device_pool)
        self._free = [record for record in self._records if record.free]

    def note(self, record: DeviceRecord, now: float) -> None:
        """Update the estimates of one device: its lease, queue or rate has changed."""
        scale = self._device_pool.scale
        if self._stale or scale is None or abs(scale - self._scale) > TOLERANCE * self._scale:
            self._stale = True
            return
        place = self._place(record, now)
        if place is not None:
            self._put(record.position, self._places.get(record.position, _NOWHERE), place)

    def even_end(self, now: float) -> float | None:
        """Return the seconds to the end of the run if all work were spread evenly by rate.

        No sooner than the longest running unit, which nobody can share. None before the first
        rate is known.
        """
        self._refresh(now)
        if not self._running or self._rates <= 0:
            return self._device_pool.even_end(now)
        return max(0.0, (self._work - now * self._flow) / self._rates, self._running[-1][0] - now)

    def free(self, thief: DeviceRecord, *, dead_only: bool) -> list[Victim]:
        """Return paused and dead devices that have something waiting."""
        return [
            Victim(record.device, record.queue, None, None, record.free)
            for record in self._free
            if record is not thief and record.queue and (record.dead or not dead_only)
        ]

    def victims(self, thief: DeviceRecord, now: float) -> Iterator[Victim]:
        """Yield the other devices at work with enough waiting, the last to end first.

        To ask for the next one is to refuse this one. At steady rates a steal that does not pay
        now never will, neither for this thief nor for a slower one: a victim that was refused
        is left out until its end has moved away by half the least gain.
        """
        self._refresh(now)
        rate = self._device_pool.rate(thief)
        if rate is None or rate <= self._all_refuse:
            return
        settled = True
        for end, position in reversed(self._queued):
            if end - now < self.gain_seconds:
                break
            record = self._records[position]
            if record is thief or not self._worth_showing(end, position, rate):
                continue
            yield self._device_pool.victim(record, now)
            if record.active is None:
                # Its end moves on with the clock until it begins.
                settled = False
            else:
                self._refused[position] = (end, rate * (1 + TOLERANCE))
        if settled:
            self._all_refuse = rate * (1 + TOLERANCE)

    def at_work(self, record: DeviceRecord, now: float) -> Iterator[Victim]:
        """Yield the other devices that are computing at this moment, the first to end first."""
        self._refresh(now)
        for _, position in self._busy:
            if position != record.position:
                yield self._device_pool.victim(self._records[position], now)

    def held(self) -> list[DeviceRecord]:
        """Return paused devices that have begun a unit."""
        return [record for record in self._free if record.active is not None]

    def ending_last(self, now: float, seconds: float, most: int) -> list[DeviceRecord]:
        """Return devices whose running units end in so many seconds or later, the last ones first.

        At most so many devices.
        """
        self._refresh(now)
        late = takewhile(lambda place: place[0] - now > seconds, reversed(self._running))
        return [self._records[position] for _, position in islice(late, most)]

    def ending_first(self, now: float, most: int) -> list[DeviceRecord]:
        """Return the devices whose running units end first or should have ended already."""
        self._refresh(now)
        return [self._records[position] for _, position in self._running[:most]]

    def _worth_showing(self, end: float, position: int, rate: float) -> bool:
        """Whether a thief of this rate might find more at a victim than was found before."""
        refused_end, refused_rate = self._refused.get(position, (-inf, 0.0))
        return rate > refused_rate or end > refused_end + self.gain_seconds / 2

    def _refresh(self, now: float) -> None:
        if not self._stale:
            return
        self._scale = self._device_pool.scale or 0.0
        self._stale = self._device_pool.scale is None
        self._places: dict[int, _Place] = {}
        self._queued: list[tuple[float, int]] = []
        self._busy: list[tuple[float, int]] = []
        self._running: list[tuple[float, int]] = []
        self._refused: dict[int, tuple[float, float]] = {}
        self._all_refuse = self.fastest = 0.0
        self._work = self._flow = self._rates = 0.0
        if not self._stale:
            for record in self._records:
                place = self._place(record, now)
                if place is not None:
                    self._put(record.position, _NOWHERE, place)

    def _place(self, record: DeviceRecord, now: float) -> _Place | None:
        """Work out where a device stands; None before its rate is known."""
        rate = self._device_pool.rate(record)
        if rate is None:
            return None
        active, queue = record.active, record.queue
        self.fastest = max(self.fastest, rate)
        waiting = record.waiting_cost(rate)
        running_end, work, flow = -inf, waiting, 0.0
        if active is not None and not active.claimed:
            left = active.left
            work += left
            if not active.held:
                work += active.reported * rate
                running_end, flow = active.reported + left / rate, rate
        end = max(now, running_end) + waiting / rate
        at_work = not record.free
        if queue and at_work and end - now >= self.gain_seconds:
            self._all_refuse = 0.0
        return _Place(
            work,
            flow,
            rate if at_work else 0.0,
            end if queue and at_work else None,
            end if flow and at_work else None,
            running_end if flow and at_work else None,
        )

    def _put(self, position: int, old: _Place, new: _Place) -> None:
        """Put a device in a new place."""
        self._places[position] = new
        self._work += new.work - old.work
        self._flow += new.flow - old.flow
        self._rates += new.rate - old.rate
        _move(self._queued, position, old.queued, new.queued)
        _move(self._busy, position, old.busy, new.busy)
        _move(self._running, position, old.running, new.running)


def _move(
    places: list[tuple[float, int]], position: int, old: float | None, new: float | None
) -> None:
    """Put a device in its new place in a sorted list; None stands for not being in it."""
    if old == new:
        return
    if old is not None:
        del places[bisect_left(places, (old, position))]
    if new is not None:
        insort(places, (new, position))
