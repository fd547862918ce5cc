"""Finish times of the devices and the run, updated one device at a time.

With a thousand devices a decision cannot look at every one. But at steady rates the moments at
which queues end do not change with the clock: so devices stay sorted by finish time, and only a
changed device moves to a new place.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import defaultdict
from collections.abc import Hashable, Iterator
from heapq import heapify, heappop
from itertools import islice, takewhile
from math import inf

from msgspec import Struct

from tui_balancer.scheduler.policy.stealing import Victim
from tui_balancer.scheduler.state.device_pool import DevicePool
from tui_balancer.scheduler.state.device_record import DeviceRecord

TOLERANCE = 0.05
"""Maximum relative change of a rate before estimates with the old one are discarded."""


class _Place(Struct, gc=False):
    """A device's contribution to the sums, and its places in the lists.

    Attributes:
        speed: FLOP/s that the policies reckon with.
        waiting: FLOPs of its queue, in those that it does at this speed.
        work: Remaining FLOPs of unit and queue, as if the unit had started at moment 0.
        flow: FLOP/s at which `work` shrinks: its rate while a unit runs.
        rate: FLOP/s it adds to the active devices; 0 if it is not active.
        queued: Moment at which its queue is empty, if others may steal from it.
        busy: The same, if it computes; not sorted, for few decisions need it.
        running: Moment at which its running unit finishes, if it computes.
    """

    speed: float = 0.0
    waiting: float = 0.0
    work: float = 0.0
    flow: float = 0.0
    rate: float = 0.0
    queued: float | None = None
    busy: float | None = None
    running: float | None = None


_NOWHERE = _Place()
_NEVER = (-inf, 0.0)
"""The end of a device's work and the rate of a thief, where none was refused."""


class FinishTimes:
    """The even end of the run, and the devices that would finish last.

    Attributes:
        gain_seconds: Minimum gain of a steal.
        fastest: Highest known FLOP/s of a device; 0 before a first rate.
    """

    def __init__(self, device_pool: DevicePool) -> None:
        self._device_pool = device_pool
        self.gain_seconds = 0.0
        self.fastest = 0.0
        self._all_refuse: dict[Hashable, float] = {}
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
        self._update(record, now)

    def even_end(self, now: float) -> float | None:
        """Return the seconds to the end of the run if all work were divided evenly by rate.

        At least the end of the longest running unit, which cannot be shared. None before the first
        rate is known.
        """
        self._refresh(now)
        if not self._running or self._rates <= 0:
            return self._device_pool.even_end(now)
        return max(0.0, (self._work - now * self._flow) / self._rates, self._running[-1][0] - now)

    def remaining_seconds(self, record: DeviceRecord, now: float) -> float | None:
        """Return when a device finishes its running and waiting units; None without a rate."""
        if self._stale or (place := self._places.get(record.position)) is None:
            return self._device_pool.remaining_seconds(record, now)
        return (place.waiting + record.running_cost(now, place.speed)) / place.speed

    def free(self, thief: DeviceRecord, *, dead_only: bool) -> list[Victim]:
        """Return paused, drained and dead devices with waiting units.

        Args:
            thief: An idle device.
            dead_only: Whether to leave out those that will compute again by themselves.
        """
        if not self._free:
            return []
        return [
            Victim(record.device, record.queue, None, None, record.free)
            for record in self._free
            if record is not thief and record.queue and (not record.live or not dead_only)
        ]

    def victims(
        self, thief: DeviceRecord, now: float, *, changing: bool = False
    ) -> Iterator[Victim]:
        """Yield the other active devices with enough waiting, the last to finish first.

        Requesting the next one refuses this one. At steady rates a steal that does not pay now
        never will, neither for this thief nor for a slower one: a refused victim is left out until
        its finish time has moved later by half the minimum gain.

        Args:
            thief: An idle device.
            now: The clock.
            changing: Whether it may change its model; those who may, and those with other models,
                refuse for themselves.
        """
        self._refresh(now)
        rate = self._device_pool.rate(thief)
        kind = (thief.model, changing)
        if rate is None or rate <= self._all_refuse.get(kind, 0.0):
            return
        settled, refused = True, self._refused[kind]
        for end, position in reversed(self._queued):
            if end - now < self.gain_seconds:
                break
            record = self._records[position]
            if record is thief:
                continue
            refused_end, refused_rate = refused.get(position, _NEVER)
            if rate <= refused_rate and end <= refused_end + self.gain_seconds / 2:
                continue
            yield self._victim(record, now)
            if record.active is None:
                # Its finish time moves with the clock until it starts.
                settled = False
            else:
                refused[position] = (end, rate * (1 + TOLERANCE))
        if settled:
            self._all_refuse[kind] = rate * (1 + TOLERANCE)

    def at_work(self, record: DeviceRecord, now: float) -> Iterator[Victim]:
        """Yield the other computing devices, the first to finish first."""
        self._refresh(now)
        places = self._places.items()
        ends = [(one.busy, position) for position, one in places if one.busy is not None]
        heapify(ends)
        while ends:
            _, position = heappop(ends)
            if position != record.position:
                yield self._victim(self._records[position], now)

    def held(self) -> list[DeviceRecord]:
        """Return paused devices with a started unit."""
        return [record for record in self._free if record.active is not None]

    def ending_last(self, now: float, seconds: float, most: int) -> list[DeviceRecord]:
        """Return devices whose running units end in this many seconds or later, the last first.

        At most this many devices.
        """
        self._refresh(now)
        late = takewhile(lambda place: place[0] - now > seconds, reversed(self._running))
        return [self._records[position] for _, position in islice(late, most)]

    def ending_first(self, now: float, most: int) -> list[DeviceRecord]:
        """Return the devices whose running units end first or are overdue."""
        self._refresh(now)
        return [self._records[position] for _, position in self._running[:most]]

    def _victim(self, record: DeviceRecord, now: float) -> Victim:
        """Return a device that has a place as the policies see it."""
        speed = self._places[record.position].speed
        return self._device_pool.victim(record, speed, self.remaining_seconds(record, now))

    def _refresh(self, now: float) -> None:
        if not self._stale:
            return
        self._scale = self._device_pool.scale or 0.0
        self._stale = self._device_pool.scale is None
        self._places: dict[int, _Place] = {}
        self._queued: list[tuple[float, int]] = []
        self._running: list[tuple[float, int]] = []
        self._refused: defaultdict[Hashable, dict[int, tuple[float, float]]] = defaultdict(dict)
        self._all_refuse = {}
        self.fastest = 0.0
        self._work = self._flow = self._rates = 0.0
        if not self._stale:
            for record in self._records:
                self._update(record, now)

    def _update(self, record: DeviceRecord, now: float) -> None:
        """Move a device to its new place; it has none before its rate is known."""
        rate = self._device_pool.rate(record)
        if rate is None:
            return
        active = record.active
        if rate > self.fastest:
            self.fastest = rate
        waiting = self._device_pool.waiting_cost(record, rate)
        running_end, work, flow = -inf, waiting, 0.0
        if active is not None and not active.claimed:
            left = active.left
            work += left
            if not active.held:
                work += active.reported * rate
                running_end, flow = active.reported + left / rate, rate
        end = (running_end if running_end > now else now) + waiting / rate
        at_work = not record.free
        queued = running = busy = None
        if at_work and record.queue:
            queued = end
            if end - now >= self.gain_seconds:
                self._all_refuse.clear()
        if at_work and flow:
            busy, running = end, running_end
        position = record.position
        old = self._places.get(position, _NOWHERE)
        new = self._places[position] = _Place(
            rate,
            waiting,
            work,
            flow,
            rate if at_work else 0.0,
            queued,
            busy,
            running,
        )
        self._work += new.work - old.work
        self._flow += new.flow - old.flow
        self._rates += new.rate - old.rate
        if old.queued != new.queued:
            _move(self._queued, position, old.queued, new.queued)
        if old.running != new.running:
            _move(self._running, position, old.running, new.running)


def _move(
    places: list[tuple[float, int]], position: int, old: float | None, new: float | None
) -> None:
    """Move a device to its new place in a sorted list; None means not in it."""
    if old is not None:
        del places[bisect_left(places, (old, position))]
    if new is not None:
        insort(places, (new, position))
