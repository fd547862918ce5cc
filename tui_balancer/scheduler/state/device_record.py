"""The scheduler's record of one device."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from itertools import islice

from tui_balancer.leases import Progress
from tui_balancer.samples import DeviceSample
from tui_balancer.scheduler.model import (
    DeviceMetrics,
    DeviceSpec,
    DeviceState,
    RunningUnit,
    Unit,
    WaitingUnit,
)
from tui_balancer.scheduler.state.absence import Absence
from tui_balancer.scheduler.state.calibration import Calibration
from tui_balancer.scheduler.state.leases import NOTHING_YET, ActiveLease
from tui_balancer.scheduler.state.queues import WorkQueue
from tui_balancer.scheduler.state.throughput import BusyShare, Pace, ThroughputWindow, advanced


@dataclass(slots=True, eq=False)
class DeviceRecord:
    """A device, its queue, its worker and what was measured.

    Attributes:
        spec: As it entered the run.
        position: Its place in device order.
        device: Its id.
        name: What the hardware calls itself; the worker's word replaces the spec's.
        queue: The units that wait for it.
        incarnation: How many workers were started for it.
        present: Whether the worker of this incarnation is there, started and not dead.
        ready: Whether it has its model loaded.
        active: The lease that its present worker computes.
        behind: Those whose outputs it is still writing.
        paused: Whether the user has paused it.
        dead: Whether it is given up.
        left: Whether its worker has ended regularly.
        drained: Whether it is to have no worker until it is started again.
        absence: How long it was drained.
        leaving_since: When its present worker was told to end; None if it was not.
        strikes: Deaths held against it; more than the limit make it dead.
        restarts: How often its worker was started again.
        note: Why it is dead, or that its worker ends; empty otherwise.
        held_up: Whether its worker, in a batch without end, lost its lease to another device and
            has not reported since.
        wanted: Running units of which a person wants it to have a share.
        stolen_to: Files it received by stealing.
        computed_cost: FLOPs that it has done.
        computing_seconds: Time that it took for them.
        window: Throughput for the screen.
        paces: The rate the policies reckon with, of each model.
        calibrations: How long units of other lengths take, of each model.
        busy: Its utilisation.
        sample: The newest of its worker.
        expected: When it should have finished its queue, as last told to idle devices.
        checked: When it last looked for a steal under a policy that looks at intervals.
        seen: Version of the state when its worker was last told that there is nothing.
        model: The place of the model that its worker has or loads.
        loading: Whether it loads that model for its running unit.
        put_first: Waiting units that a person put at the front of its queue.
    """

    spec: DeviceSpec
    position: int
    device: str = ""
    name: str = ""
    queue: WorkQueue = field(default_factory=WorkQueue)
    incarnation: int = 0
    present: bool = False
    ready: bool = False
    active: ActiveLease | None = None
    behind: list[ActiveLease] = field(default_factory=list)
    paused: bool = False
    dead: bool = False
    left: bool = False
    drained: bool = False
    absence: Absence = field(default_factory=Absence)
    leaving_since: float | None = None
    strikes: int = 0
    restarts: int = 0
    note: str = ""
    held_up: bool = False
    wanted: list[int] = field(default_factory=list)
    files_done: int = 0
    stolen_to: int = 0
    stolen_from: int = 0
    computed_cost: float = 0.0
    computing_seconds: float = 0.0
    window: ThroughputWindow = field(default_factory=ThroughputWindow)
    paces: defaultdict[int, Pace] = field(default_factory=lambda: defaultdict(Pace))
    calibrations: defaultdict[int, Calibration] = field(
        default_factory=lambda: defaultdict(Calibration)
    )
    busy: BusyShare = field(default_factory=BusyShare)
    sample: DeviceSample = field(default_factory=DeviceSample)
    expected: float | None = None
    checked: float | None = None
    seen: int = -1
    model: int = 0
    loading: bool = False
    put_first: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.device = self.spec.device
        self.name = self.name or self.spec.name
        self.model = self.spec.model

    @property
    def pace(self) -> Pace:
        """Its pace with the model that it has."""
        return self.paces[self.model]

    @property
    def state(self) -> DeviceState:
        """Its state; a pause takes precedence over other states."""
        if self.dead:
            return DeviceState.DEAD
        if self.left:
            return DeviceState.STOPPED
        if self.drained and not self.present:
            return DeviceState.DRAINED
        if self.paused:
            return DeviceState.PAUSED
        if not self.ready:
            return DeviceState.STARTING
        return DeviceState.BUSY if self.active or self.behind else DeviceState.IDLE

    @property
    def live(self) -> bool:
        """Whether it computes in this run, now or later without a command."""
        return not (self.dead or self.left or self.drained)

    @property
    def free(self) -> str:
        """Why any device may take from its queue, as text; empty while it is active."""
        if self.dead:
            return f"{self.device} is dead"
        if self.drained:
            return f"{self.device} is drained"
        if self.held_up:
            return f"{self.device} is held up"
        return f"{self.device} is paused" if self.paused else ""

    def started(self, active: ActiveLease, now: float, rate: float | None = None) -> None:
        """Record its worker's lease and the predicted time."""
        self.active = active
        if rate is not None:
            active.rate = rate
            unit = active.lease.unit
            active.predicted = self.calibrations[unit.model].predict(unit, rate)
        self.window.file_started(now)

    def advance(self, active: ActiveLease, progress: Progress, now: float) -> None:
        """Note how far its lease is, and how fast that went; cost is kept within the unit's."""
        restored = progress.restored
        active.restored |= restored
        progress = Progress(
            progress.sequences, progress.residues, min(progress.cost, active.lease.unit.cost)
        )
        step = advanced(active.progress, progress)
        active.progress = progress
        active.left = max(0.0, active.left - step.cost)
        if not restored:
            self.window.add(now, step.sequences, step.residues, step.cost)
            self.computed_cost += step.cost
            if not (active.held or active.computed):
                self.computing_seconds += now - active.reported
                self.paces[active.lease.unit.model].add(step.cost, now - active.reported)
        active.reported = now

    def completed(
        self, active: ActiveLease, now: float, *, failed_files: int, shared: bool
    ) -> None:
        """Note that its lease ended with outputs, all of it done; not by it alone if `shared`."""
        unit = active.lease.unit
        # Work of others and of earlier attempts says nothing about this device's speed.
        whole = Progress(unit.sequences, unit.residues, unit.cost, restored=shared)
        self.advance(active, whole, now)
        self.files_done += unit.inputs - failed_files

    def release(self, active: ActiveLease) -> bool:
        """End a lease of this device; return whether it was computing it, and is free now."""
        if active in self.behind:
            self.behind.remove(active)
        if self.active is not active:
            return False
        self.active = None
        return True

    def running_cost(self, now: float, rate: float) -> float:
        """Return the FLOPs left of its unit, assuming steady work since its last report."""
        active = self.active
        if active is None or active.claimed:
            return 0.0
        if active.held:
            return active.left
        done = (now - active.reported) * rate
        if done > active.in_flight:
            # An overdue batch does not count as another one.
            done = active.in_flight
        return active.left - done if active.left > done else 0.0

    def metrics(self, now: float, rate: float | None, waiting: float, ahead: int) -> DeviceMetrics:
        """Return its metrics.

        Args:
            now: The clock.
            rate: FLOP/s that the policies reckon with.
            waiting: FLOPs of its queue in those that it does at this rate.
            ahead: Units at the front of its queue that are named.
        """
        remaining = waiting + self.running_cost(now, rate) if rate else 0.0
        throughput = self.window.throughput(now)
        return DeviceMetrics(
            device=self.device,
            name=self.name,
            state=self.state,
            weight=self.spec.weight,
            utilisation=self.busy.share(),
            sequences_per_second=throughput.sequences_per_second if throughput else None,
            residues_per_second=throughput.residues_per_second if throughput else None,
            flops_per_second=throughput.flops_per_second if throughput else None,
            queued_files=self.queue.files,
            queued_cost=self.queue.cost,
            files_done=self.files_done,
            stolen_to=self.stolen_to,
            stolen_from=self.stolen_from,
            running=self._running(now),
            sample=self.sample,
            finish_seconds=remaining / rate if rate else None,
            restarts=self.restarts,
            note=self.note,
            rate=rate,
            residues_done=self.window.residues,
            next_units=self._next_units(now, rate, waiting, ahead),
            model=self.model if self.incarnation else None,
            loading=self.loading,
        )

    def _next_units(
        self, now: float, rate: float | None, waiting: float, ahead: int
    ) -> tuple[WaitingUnit, ...]:
        queue, starts = self.queue, None
        slower = 1.0
        if rate:
            starts = self.running_cost(now, rate) / rate
            slower = waiting / queue.cost if queue.cost else 1.0
        units = []
        for unit in islice(queue, ahead):
            units.append(WaitingUnit(unit.unit_id, unit.name, unit.residues, starts))
            if rate and starts is not None:
                starts += unit.cost * slower / rate
        return tuple(units)

    def _running(self, now: float) -> RunningUnit | None:
        active = self.active or next(iter(self.behind), None)
        if active is None:
            return None
        unit: Unit = active.lease.unit
        done = active.progress
        if (cost := done.cost + active.left) > 0:
            fraction = done.cost / cost
        else:
            fraction = 1.0 if done is not NOTHING_YET else 0.0
        return RunningUnit(unit, active.lease.epoch, fraction, max(0.0, now - active.granted))
