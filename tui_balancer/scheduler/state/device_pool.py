"""The devices of a run: rates, queues of victims, and finish times."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterator, Sequence

from tui_balancer.scheduler.model import DeviceSpec
from tui_balancer.scheduler.policy.stealing import Thief, Victim
from tui_balancer.scheduler.state.device_record import DeviceRecord

COMPARABLE_RATE = 0.5
"""A unit that killed a worker is tried on another device at least this share as fast."""


class DevicePool:
    """All device records, in device order.

    Attributes:
        scale: FLOP/s of a device of weight 1: the median over the first rates of measured
            devices, or what is known of them from earlier runs, so that one weight that is
            far off does not mislead about the others. None before the first: a weight alone
            says nothing about seconds.
    """

    def __init__(self, specs: Sequence[DeviceSpec]) -> None:
        self._records: dict[str, DeviceRecord] = {}
        self.scale: float | None = None
        self._measured: set[int] = set()
        self._scales: list[float] = []
        for spec in specs:
            self.add(spec)

    def add(self, spec: DeviceSpec) -> DeviceRecord:
        """Add a device, the last one in device order."""
        assert spec.device not in self._records, "device ids are unique"
        record = DeviceRecord(spec, len(self._records))
        self._records[spec.device] = record
        if spec.rate is not None:
            self._scale_by(spec.rate, spec)
        return record

    def __iter__(self) -> Iterator[DeviceRecord]:
        return iter(self._records.values())

    def __getitem__(self, device: str) -> DeviceRecord:
        return self._records[device]

    def get(self, device: str) -> DeviceRecord | None:
        """Return a device's record, or None when there is no such device."""
        return self._records.get(device)

    @property
    def live(self) -> list[DeviceRecord]:
        """Devices that can still compute."""
        return [record for record in self if record.live]

    @property
    def any_live(self) -> bool:
        """Whether any device can still compute."""
        return any(record.live for record in self)

    @property
    def at_work(self) -> list[DeviceRecord]:
        """Live devices that are not paused."""
        return [record for record in self if record.live and not record.paused]

    def rate(self, record: DeviceRecord) -> float | None:
        """Return a device's FLOP/s: measured, else known, else its weight on the others' scale."""
        if record.pace.rate is not None:
            return record.pace.rate
        if record.spec.rate is not None:
            return record.spec.rate
        return None if self.scale is None else record.spec.weight * self.scale

    def learn_from(self, record: DeviceRecord) -> None:
        """Scale the weights of the other devices by a device's first measurement."""
        if record.pace.rate is None or record.position in self._measured:
            return
        self._measured.add(record.position)
        if record.spec.rate is not None:
            del self._scales[bisect_left(self._scales, record.spec.rate / record.spec.weight)]
        self._scale_by(record.pace.rate, record.spec)

    def _scale_by(self, rate: float, spec: DeviceSpec) -> None:
        insort(self._scales, rate / spec.weight)
        middle = len(self._scales) // 2
        self.scale = (self._scales[middle] + self._scales[~middle]) / 2

    def remaining_seconds(self, record: DeviceRecord, now: float) -> float | None:
        """Return when a device finishes its running and waiting units."""
        rate = self.rate(record)
        return record.remaining_cost(now, rate) / rate if rate else None

    def thief(self, record: DeviceRecord) -> Thief:
        """Return an idle device as the policies see it."""
        return Thief(record.device, self.rate(record), len(record.queue))

    def victim(self, record: DeviceRecord, now: float) -> Victim:
        """Return a device at work as the policies see it."""
        remaining = self.remaining_seconds(record, now)
        return Victim(record.device, record.queue, self.rate(record), remaining)

    def victims(self, thief: DeviceRecord, now: float) -> list[Victim]:
        """Return the other active devices with waiting units, in device order."""
        return [
            self.victim(record, now)
            for record in self
            if record is not thief and record.queue and not record.free
        ]

    def even_end(self, now: float) -> float | None:
        """Return the seconds to the end if all remaining work were divided evenly by rate.

        No sooner than the longest running unit, which nobody can share.
        """
        rates = [(record, self.rate(record)) for record in self]
        at_work = sum(rate for record, rate in rates if rate and not record.free)
        if not at_work:
            return None
        left = sum(record.remaining_cost(now, rate) for record, rate in rates if rate)
        return max(left / at_work, self.last_end(now, with_queues=False) or 0.0)

    def last_end(self, now: float, *, with_queues: bool) -> float | None:
        """Return the seconds until the last active device finishes, without steals."""
        ends = [
            (record.remaining_cost(now, rate) if with_queues else record.running_cost(now, rate))
            / rate
            for record in self.at_work
            if (rate := self.rate(record))
        ]
        return max(ends, default=None)

    def fallback(self, record: DeviceRecord, *, stealing: bool) -> DeviceRecord:
        """Return the device that a unit goes to after a worker of `record` died with it.

        Another one of comparable speed, so that a broken device does not spoil the unit and a
        bad unit shows itself on healthy hardware; else its own. Without stealing it stays.
        The units of a dead device go to the best live one; without any, they stay too.
        """
        others = [other for other in self.at_work if other is not record and other.ready]
        rate = self.rate(record) or record.spec.weight
        comparable = [
            other
            for other in others
            if (self.rate(other) or other.spec.weight) >= COMPARABLE_RATE * rate
        ]
        if record.dead:
            candidates = comparable or others or [one for one in self.live if one is not record]
        else:
            candidates = comparable if stealing else []
        return min(candidates, key=lambda other: other.queue.cost, default=record)
