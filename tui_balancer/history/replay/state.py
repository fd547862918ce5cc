"""The state of a run at a past moment, for the screen."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate

from tui_balancer.ledger.records import DeviceUsed
from tui_balancer.scheduler.events import LeaseEvent
from tui_balancer.scheduler.model import (
    DeviceMetrics,
    DeviceState,
    RunningUnit,
    Unit,
    WaitingUnit,
    bundle_of,
    next_units_each,
)
from tui_balancer.view.places import FilePlaces
from tui_balancer.view.run_state import RunState
from tui_balancer.view.run_stats import RunStats
from tui_balancer.view.spans import Span

WINDOW_SECONDS = 60.0
"""Window of speeds in seconds."""

_AT_WORK = (DeviceState.STARTING, DeviceState.IDLE, DeviceState.BUSY)


class DeviceHistory:
    """A device over the whole run.

    Args:
        spans: What it had in hand, in the order they began.
        used: What the ledger has of it; None where its worker never got as far as that.

    Attributes:
        name: What the hardware calls itself.
        weight: Its prior relative speed.
        rate: FLOP/s over all that it computed; None where it computed nothing.
    """

    def __init__(self, spans: Sequence[Span], used: DeviceUsed | None) -> None:
        self.name, self.weight = ("", 1.0) if used is None else (used.name, used.weight)
        self.spans = spans
        seconds = sum([span.compute_seconds for span in spans])
        self.rate = sum([span.cost for span in spans]) / seconds if seconds > 0 else None

    def speeds(self, now: float) -> tuple[float | None, float | None, float | None]:
        """Return sequences, residues and FLOPs a second over the last seconds."""
        recent = list(self._recent(now))
        since = min(WINDOW_SECONDS, now - self.spans[0].start) if recent else 0.0
        if since <= 0:
            return None, None, None
        return (
            sum(span.sequences * share for span, share in recent) / since,
            sum(span.residues * share for span, share in recent) / since,
            sum(span.cost * share for span, share in recent) / since,
        )

    def span(self, lease: LeaseEvent) -> Span:
        """Return the span that begins with a lease."""
        place = bisect_right(self.spans, lease.seconds, key=_start)
        key = (lease.unit_id, lease.epoch)
        while (self.spans[place - 1].unit_id, self.spans[place - 1].epoch) != key:
            place -= 1
        return self.spans[place - 1]

    def _recent(self, now: float) -> Iterator[tuple[Span, float]]:
        """Return the spans of the last seconds, each with the share that is in them."""
        begin = now - WINDOW_SECONDS
        for place in range(bisect_right(self.spans, now, key=_start) - 1, -1, -1):
            span = self.spans[place]
            if span.end <= begin:
                return
            took = span.end - span.start
            share = (min(span.end, now) - max(span.start, begin)) / took if took > 0 else 1.0
            yield span, share


def _start(span: Span) -> float:
    return span.start


@dataclass(slots=True)
class ReplayState:
    """The state after some of a run's events.

    Attributes:
        fold: Who takes them in.
        run_stats: The counts so far.
        file_places: Where every file is.
    """

    fold: RunState
    run_stats: RunStats
    file_places: FilePlaces

    @property
    def last_event(self) -> int:
        """Number of the newest event that has happened."""
        return self.fold.last_event

    def copy(self) -> ReplayState:
        """Return an independent copy."""
        run_stats, file_places = self.run_stats.copy(), self.file_places.copy()
        return ReplayState(self.fold.copy(run_stats, file_places), run_stats, file_places)

    @property
    def paused(self) -> bool:
        """Whether every live device is held."""
        states = {event.state for event in self.fold.devices.values()}
        return DeviceState.PAUSED in states and not states & set(_AT_WORK)

    def metrics(
        self, devices: Mapping[str, DeviceHistory], now: float
    ) -> tuple[DeviceMetrics, ...]:
        """Return a row for every device; what no ledger tells is not known.

        Progress within a unit is as if it went evenly.
        """
        running: dict[str, LeaseEvent] = {}
        for leases in self.fold.leases.values():
            for lease in leases.values():
                newest = running.setdefault(lease.device, lease)
                if lease.sequence > newest.sequence:
                    running[lease.device] = lease
        queued = self.file_places.queued()
        fronts = self.file_places.next_files(next_units_each(len(devices)))
        return tuple(
            self._row(
                *(name, device, running.get(name), queued.get(name, (0, 0.0))),
                fronts.get(name, ()),
                now,
            )
            for name, device in devices.items()
        )

    def _row(
        self,
        name: str,
        device: DeviceHistory,
        lease: LeaseEvent | None,
        queued: tuple[int, float],
        front: Sequence[Unit],
        now: float,
    ) -> DeviceMetrics:
        tally, newest = self.run_stats.devices[name], self.fold.devices.get(name)
        state = DeviceState.STOPPED if newest is None else newest.state
        running, left, residues = None, queued[1], tally.residues
        if lease is not None:
            span = device.span(lease)
            took = span.end - span.start
            fraction = min(1.0, (now - span.start) / took) if took > 0 else 1.0
            unit = bundle_of(self.file_places.members(lease.unit_id))
            running = RunningUnit(unit, lease.epoch, fraction, now - span.start)
            left += span.cost * (1 - fraction)
            residues += round(span.residues * fraction)
            state = DeviceState.BUSY if state in _AT_WORK else state
        sequences_per_second, residues_per_second, flops_per_second = device.speeds(now)
        return DeviceMetrics(
            device=name,
            name=device.name,
            state=state,
            weight=device.weight,
            sequences_per_second=sequences_per_second,
            residues_per_second=residues_per_second,
            flops_per_second=flops_per_second,
            queued_files=queued[0],
            queued_cost=queued[1],
            files_done=tally.files,
            stolen_to=tally.stolen_to,
            stolen_from=tally.stolen_from,
            running=running,
            finish_seconds=left / device.rate if device.rate and state in _AT_WORK else None,
            restarts=max(0, tally.starts - 1),
            note=newest.reason if newest is not None and state is DeviceState.DEAD else "",
            rate=device.rate,
            residues_done=residues,
            next_units=_starting(front, left - queued[1], device.rate),
        )


def _starting(front: Sequence[Unit], before: float, rate: float | None) -> tuple[WaitingUnit, ...]:
    """Return the front of a queue, with so many FLOPs before it."""
    costs = accumulate((unit.cost for unit in front), initial=before)
    return tuple(
        WaitingUnit(unit.unit_id, unit.name, unit.residues, cost / rate if rate else None)
        for unit, cost in zip(front, costs, strict=False)
    )
