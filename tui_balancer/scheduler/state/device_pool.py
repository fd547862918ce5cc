"""The devices of a run: rates, queues of victims, and finish times."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import defaultdict
from collections.abc import Iterator, Sequence

from tui_balancer.scheduler.model import DeviceSpec, ModelSpec
from tui_balancer.scheduler.policy.stealing import ModelPace, Thief, Victim
from tui_balancer.scheduler.state.device_record import DeviceRecord
from tui_balancer.scheduler.state.leases import ActiveLease
from tui_balancer.scheduler.state.model_loads import ModelLoads

COMPARABLE_RATE = 0.5
"""A unit that killed a worker is tried on another device at least this share as fast."""


class DevicePool:
    """All device records, in device order.

    Attributes:
        scale: FLOP/s of a device of weight 1: the median over the first rates of measured
            devices, or what is known of them from earlier runs, so that one weight that is
            far off does not mislead about the others. None before the first: a weight alone
            says nothing about seconds.
        models: The run's models, and how long they take to load.
    """

    def __init__(
        self, specs: Sequence[DeviceSpec], models: Sequence[ModelSpec] = (ModelSpec(),)
    ) -> None:
        self._records: dict[str, DeviceRecord] = {}
        self.models = ModelLoads(models)
        self.scale: float | None = None
        self._measured: set[tuple[int, int]] = set()
        self._scales: list[float] = []
        self._scales_of: defaultdict[int, list[float]] = defaultdict(list)
        for spec in specs:
            self.add(spec)

    def add(self, spec: DeviceSpec) -> DeviceRecord:
        """Add a device, the last one in device order."""
        assert spec.device not in self._records, "device ids are unique"
        record = DeviceRecord(spec, len(self._records))
        self._records[spec.device] = record
        for model in self.models.places:
            if (rate := spec.rate_of(model)) is not None:
                self._scale_by(rate, spec, model)
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
    def any_left(self) -> bool:
        """Whether any device can still compute, perhaps after it is started again."""
        return any(record.live or record.drained for record in self)

    @property
    def at_work(self) -> list[DeviceRecord]:
        """Live devices that are not paused."""
        return [record for record in self if record.live and not record.paused]

    def rate(self, record: DeviceRecord, model: int | None = None) -> float | None:
        """Return a device's FLOP/s: measured, else known, else its weight on the others' scale.

        What nobody has measured of a model is taken from other models.

        Args:
            model: The model; None for the one that it has.
        """
        if model is None:
            model = record.model
        if (rate := record.paces[model].rate) is not None:
            return rate
        if (known := record.spec.rate_of(model)) is not None:
            return known
        scale = _median(self._scales_of[model])
        if scale is None and self.models.several:
            measured = (record.paces[other].rate for other in self.models.places)
            if (rate := next((one for one in measured if one is not None), None)) is not None:
                return rate
        scale = self.scale if scale is None else scale
        return None if scale is None else record.spec.weight * scale

    def pace(self, record: DeviceRecord, model: int) -> ModelPace | None:
        """Return how fast a device computes a model, and how soon; None without a rate."""
        rate = self.rate(record, model)
        start = 0.0 if model == record.model else self.models.seconds(model)
        return None if rate is None else ModelPace(rate, start)

    def begin(self, record: DeviceRecord, active: ActiveLease, now: float) -> None:
        """Note that a device begins a lease, for which it may have to change its model."""
        unit = active.lease.unit
        record.put_first.discard(unit.unit_id)
        if (model := unit.model) != record.model:
            record.model = model
            record.loading = True
            # Until then it computes nothing.
            active.reported = now + self.models.seconds(record.model)

    def has_model(self, record: DeviceRecord, model: int, seconds: float, now: float) -> None:
        """Note that a device has loaded a model, which took so many seconds."""
        self.models.learn(model, seconds)
        record.model = model
        if record.loading and record.active is not None:
            record.active.reported = now
        record.loading = False

    def learn_from(self, record: DeviceRecord) -> None:
        """Scale the weights of the other devices by a device's first measurement of a model."""
        key = (record.position, record.model)
        if record.pace.rate is None or key in self._measured:
            return
        self._measured.add(key)
        if (known := record.spec.rate_of(record.model)) is not None:
            for scales in (self._scales, self._scales_of[record.model]):
                del scales[bisect_left(scales, known / record.spec.weight)]
        self._scale_by(record.pace.rate, record.spec, record.model)

    def _scale_by(self, rate: float, spec: DeviceSpec, model: int) -> None:
        for scales in (self._scales, self._scales_of[model]):
            insort(scales, rate / spec.weight)
        self.scale = _median(self._scales)

    def waiting_cost(self, record: DeviceRecord, rate: float) -> float:
        """Return the FLOPs of a device's queue, in those that it does at this rate.

        Of several models it counts what each takes at its own rate, and the changes.
        """
        queue = record.queue
        if not queue.cost:
            return 0.0
        if not self.models.several:
            factor = record.calibrations[record.model].factor(queue.cost, queue.residues, rate)
            return queue.cost * factor
        seconds = 0.0
        for model, work in queue.by_model.items():
            pace = self.pace(record, model)
            if pace is not None and work.cost > 0:
                calibration = record.calibrations[model]
                factor = calibration.factor(work.cost, work.residues, pace.rate)
                seconds += pace.seconds(work.cost * factor)
        return seconds * rate

    def remaining_cost(self, record: DeviceRecord, now: float, rate: float) -> float:
        """Return the FLOPs left of a device's unit and queue, as `waiting_cost` does."""
        return self.waiting_cost(record, rate) + record.running_cost(now, rate)

    def remaining_seconds(self, record: DeviceRecord, now: float) -> float | None:
        """Return when a device finishes its running and waiting units."""
        rate = self.rate(record)
        return self.remaining_cost(record, now, rate) / rate if rate else None

    def thief(self, record: DeviceRecord, *, changing: bool = True) -> Thief:
        """Return an idle device as the policies see it.

        Args:
            changing: Whether it may change its model.
        """
        models = None
        if self.models.several:
            models = self._paces(record, self.models.places if changing else [record.model])
        return Thief(record.device, self.rate(record), len(record.queue), models)

    def victim(self, record: DeviceRecord, rate: float | None, remaining: float | None) -> Victim:
        """Return a device at work as the policies see it.

        Args:
            rate: Its FLOP/s, see `rate`.
            remaining: See `remaining_seconds`.
        """
        models = self._paces(record, self.models.places) if self.models.several else None
        return Victim(record.device, record.queue, rate, remaining, models=models)

    def _paces(self, record: DeviceRecord, models: Sequence[int]) -> dict[int, ModelPace]:
        """Return the paces of a device with models, that of its own first."""
        own_first = sorted(models, key=lambda model: model != record.model)
        paces = {model: self.pace(record, model) for model in own_first}
        return {model: pace for model, pace in paces.items() if pace is not None}

    def victims(self, thief: DeviceRecord, now: float) -> list[Victim]:
        """Return the other active devices with waiting units, in device order."""
        return [
            self.victim(record, self.rate(record), self.remaining_seconds(record, now))
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
        left = sum(self.remaining_cost(record, now, rate) for record, rate in rates if rate)
        return max(left / at_work, self.last_end(now, with_queues=False) or 0.0)

    def last_end(self, now: float, *, with_queues: bool) -> float | None:
        """Return the seconds until the last active device finishes, without steals."""
        ends = [
            (
                self.remaining_cost(record, now, rate)
                if with_queues
                else record.running_cost(now, rate)
            )
            / rate
            for record in self.at_work
            if (rate := self.rate(record))
        ]
        return max(ends, default=None)

    def fallback(self, record: DeviceRecord, *, stealing: bool) -> DeviceRecord:
        """Return the device that a unit goes to after a worker of `record` died or left with it.

        Another one of comparable speed, so that a broken device does not spoil the unit and a
        bad unit shows itself on healthy hardware; else its own. Without stealing it stays.
        The units of a dead or drained device go to the best live one; without any, they stay too.
        """
        others = [other for other in self.at_work if other is not record and other.ready]
        rate = self.rate(record) or record.spec.weight
        comparable = [
            other
            for other in others
            if (self.rate(other) or other.spec.weight) >= COMPARABLE_RATE * rate
        ]
        if not record.live:
            candidates = comparable or others or [one for one in self.live if one is not record]
        else:
            candidates = comparable if stealing else []
        return min(candidates, key=lambda other: other.queue.cost, default=record)


def _median(ordered: Sequence[float]) -> float | None:
    middle = len(ordered) // 2
    return (ordered[middle] + ordered[~middle]) / 2 if ordered else None
