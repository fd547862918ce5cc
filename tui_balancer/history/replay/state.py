"""A run at a moment of its past, put together from its events."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from tui_balancer.history.replay.index import ReplayIndex
from tui_balancer.history.replay.queues import WaitingUnits
from tui_balancer.scheduler.events import (
    DeviceEvent,
    DoneEvent,
    Event,
    FailureEvent,
    LeaseEvent,
    PartEvent,
    RetryEvent,
    ReturnEvent,
    SkipEvent,
    StealEvent,
    UnbundleEvent,
)
from tui_balancer.scheduler.model import (
    DeviceMetrics,
    DeviceState,
    Ended,
    RunningUnit,
    Totals,
    Unit,
)
from tui_balancer.scheduler.read_api import Places
from tui_balancer.view.run_state import RunState
from tui_balancer.view.run_stats import RunStats
from tui_balancer.view.spans import Span

WINDOW_SECONDS = 60.0
"""Speeds are those of so many last seconds."""

_AT_WORK = (DeviceState.STARTING, DeviceState.IDLE, DeviceState.BUSY)


@dataclass(slots=True)
class _Device:
    """What a device is at, and did so far."""

    state: DeviceState = DeviceState.STOPPED
    note: str = ""
    starts: int = 0
    files: int = 0
    stolen_to: int = 0
    stolen_from: int = 0
    residues: int = 0
    held: list[Span] = field(default_factory=list)
    running: Span | None = None


@dataclass(slots=True)
class _Work:
    """What is done; cost in FLOPs."""

    sequences: int = 0
    residues: int = 0
    cost: float = 0.0

    def add(self, unit: Unit, sign: int) -> None:
        self.sequences += sign * unit.sequences
        self.residues += sign * unit.residues
        self.cost += sign * unit.cost


class ReplayState:
    """Goes through a run's events forwards; to go back, take a new one.

    Args:
        script: The run.

    Attributes:
        run_stats: The counts so far.
        last_event: Number of the newest event that has happened.
    """

    def __init__(self, index: ReplayIndex) -> None:
        self.run_stats = RunStats()
        self._fold = RunState(self.run_stats)
        self._fold.expect(index.units)
        self.last_event = 0
        self._index = index
        self._waiting = WaitingUnits(index.waits)
        self._ended = bytearray(len(index.units))
        self._done = _Work()
        self._out: defaultdict[int, dict[int, Span]] = defaultdict(dict)
        self._devices = {device: _Device() for device in index.devices}

    @property
    def begun(self) -> bool:
        """Whether a worker has had a file."""
        return any(device.held for device in self._devices.values())

    @property
    def paused(self) -> bool:
        """Whether every live device is held."""
        states = {device.state for device in self._devices.values()}
        return DeviceState.PAUSED in states and not states & set(_AT_WORK)

    def go_on(self, seconds: float) -> None:
        """Let everything happen up to a moment."""
        events = self._index.events
        while self.last_event < len(events) and events[self.last_event].seconds <= seconds:
            self._happen(events[self.last_event])
            self.last_event += 1

    def units_waiting(self, device: str) -> tuple[Unit, ...]:
        """Return the files waiting for a device, next first."""
        units = self._index.units
        return tuple(
            units[number]
            for unit in self._waiting.queue(device)
            for number in self._index.members[unit]
        )

    def places(self) -> Places:
        """Return where every file is."""
        return Places(
            self.last_event, self._waiting.places(self._index.members), bytes(self._ended)
        )

    def totals(self) -> Totals:
        """Return the counts over the whole run."""
        ended, file_of = self._ended, self._index.shards
        at_work = {
            file_of.get(number, number)
            for unit, leases in self._out.items()
            if leases
            for number in self._index.members[unit]
        }
        running = sum(not ended[number] for number in at_work)
        done, failed, skipped = (
            ended.count(how) - sum(ended[shard] == how for shard in file_of)
            for how in (Ended.DONE, Ended.FAILED, Ended.SKIPPED)
        )
        return replace(
            self._index.totals,
            done=done,
            failed=failed,
            skipped=skipped,
            running=running,
            waiting=self._index.totals.files - done - failed - skipped - running,
            sequences_done=self._done.sequences,
            residues_done=self._done.residues,
            cost_done=self._done.cost,
        )

    def metrics(self, now: float) -> tuple[DeviceMetrics, ...]:
        """Return a row for every device; what no ledger tells is not known."""
        return tuple(self._row(name, device, now) for name, device in self._devices.items())

    def _row(self, name: str, device: _Device, now: float) -> DeviceMetrics:
        queued_files, queued_cost = self._waiting.waiting[name]
        running, rate = device.running, self._index.rates.get(name)
        fraction = _fraction(running, now) if running else 0.0
        left = queued_cost + (running.cost * (1 - fraction) if running else 0.0)
        recent = list(_recent(device.held, now))
        since = max(0.0, now - max(now - WINDOW_SECONDS, device.held[0].start)) if recent else 0.0
        hardware, weight = self._index.hardware.get(name, ("", 1.0))
        return DeviceMetrics(
            device=name,
            name=hardware,
            state=self._state(device),
            weight=weight,
            sequences_per_second=_sum(recent, "sequences") / since if since > 0 else None,
            residues_per_second=_sum(recent, "residues") / since if since > 0 else None,
            flops_per_second=_sum(recent, "cost") / since if since > 0 else None,
            queued_files=queued_files,
            queued_cost=queued_cost,
            files_done=device.files,
            stolen_to=device.stolen_to,
            stolen_from=device.stolen_from,
            running=self._running(running, fraction, now) if running else None,
            finish_seconds=left / rate if rate and device.state in _AT_WORK else None,
            restarts=max(0, device.starts - 1),
            note=device.note if device.state is DeviceState.DEAD else "",
            rate=rate,
            residues_done=device.residues + (round(running.residues * fraction) if running else 0),
        )

    def _running(self, span: Span, fraction: float, now: float) -> RunningUnit:
        files = [self._index.units[number] for number in self._index.members[span.unit_id]]
        unit = (
            files[0]
            if len(files) == 1
            else Unit(
                span.unit_id,
                span.name,
                sum(file.sequences for file in files),
                sum(file.residues for file in files),
                sum(file.cost for file in files),
                len(files),
                tuple(files),
            )
        )
        return RunningUnit(unit, span.epoch, fraction, now - span.start)

    @staticmethod
    def _state(device: _Device) -> DeviceState:
        if device.state not in _AT_WORK:
            return device.state
        return DeviceState.BUSY if device.running else device.state

    def _happen(self, event: Event) -> None:
        self._fold.apply(event)
        self._waiting.follow(event)
        if isinstance(event, LeaseEvent):
            self._lease(event)
        elif isinstance(event, DoneEvent):
            self._give_up(event.unit_id, event.epoch)
            files = event.files or (event.unit_id,)
            self._device(event.device).files += sum(
                number not in self._index.shards for number in files
            )
            self._end(files, Ended.DONE)
        elif isinstance(event, PartEvent | ReturnEvent | UnbundleEvent):
            self._give_up(event.unit_id, event.epoch)
        elif isinstance(event, FailureEvent):
            # Of a bundle that a worker had, all have failed but those that are told done next.
            whole = (
                self._index.members[event.unit_id] if self._out[event.unit_id] else (event.unit_id,)
            )
            self._end(whole, Ended.SKIPPED if event.by_hand else Ended.FAILED)
            self._waiting.take_out(event.unit_id)
            for epoch in tuple(self._out[event.unit_id]):
                self._give_up(event.unit_id, epoch)
        elif isinstance(event, SkipEvent):
            self._end(event.files or (event.unit_id,), Ended.SKIPPED)
        elif isinstance(event, RetryEvent):
            self._end(event.files or (event.unit_id,), Ended.NOT)
        elif isinstance(event, StealEvent):
            self._device(event.target).stolen_to += 1
            self._device(event.source).stolen_from += 1
        elif isinstance(event, DeviceEvent):
            device = self._device(event.device)
            device.state, device.note = event.state, event.reason
            device.starts += event.state is DeviceState.STARTING

    def _lease(self, event: LeaseEvent) -> None:
        span = self._index.spans[event.unit_id, event.epoch, event.seconds]
        device = self._device(event.device)
        device.running = span
        device.held.append(span)
        self._out[event.unit_id][event.epoch] = span
        self._end(self._index.members[event.unit_id], Ended.NOT)

    def _give_up(self, unit_id: int, epoch: int) -> None:
        span = self._out[unit_id].pop(epoch, None)
        if span is not None:
            device = self._device(span.device)
            device.residues += span.residues
            if device.running is span:
                device.running = None

    def _end(self, files: Sequence[int], how: Ended) -> None:
        for number in files:
            for state, sign in ((self._ended[number], -1), (how, 1)):
                if state == Ended.DONE:
                    self._done.add(self._index.units[number], sign)
            self._ended[number] = how

    def _device(self, name: str) -> _Device:
        return self._devices.setdefault(name, _Device())


def _fraction(span: Span, now: float) -> float:
    """Return which share of a span's work is done, as if it went evenly."""
    took = span.end - span.start
    return min(1.0, (now - span.start) / took) if took > 0 else 1.0


def _recent(held: list[Span], now: float) -> Iterator[tuple[Span, float]]:
    """Return the spans of the last seconds, each with the share that is in them."""
    begin = now - WINDOW_SECONDS
    for span in reversed(held):
        if span.end <= begin:
            return
        took = span.end - span.start
        share = (min(span.end, now) - max(span.start, begin)) / took if took > 0 else 1.0
        yield span, share


def _sum(recent: list[tuple[Span, float]], amount: str) -> float:
    total: float = sum(getattr(span, amount) * share for span, share in recent)
    return total
