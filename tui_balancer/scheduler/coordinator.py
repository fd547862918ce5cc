"""The coordinator, which decides which device computes what; thread-safe."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from tui_balancer.failures import Failure
from tui_balancer.notices import Notice
from tui_balancer.samples import Telemetry
from tui_balancer.scheduler.actions import adding, completion, worker_deaths
from tui_balancer.scheduler.commands import Command, Outcome
from tui_balancer.scheduler.event_log import EventSink
from tui_balancer.scheduler.events import SettingEvent, WarningEvent
from tui_balancer.scheduler.lease_api import LeaseApi
from tui_balancer.scheduler.model import (
    DeviceSpec,
    Lease,
    ModelSpec,
    PolicySettings,
    ReturnCause,
    Unit,
)
from tui_balancer.scheduler.state.state import SchedulerState


class WorkStealingCoordinator(LeaseApi):
    """Owns the queues, leases, pauses, policy, events and metrics of a run.

    A worker takes the head of its device's queue. If that is empty, the policy may
    move a unit there from another queue, in the same step. Taking a unit is granting a lease:
    the unit is in a queue or in a lease, never in neither and never in both. A lease carries
    an epoch (the attempt) and belongs to one incarnation of a device's worker; calls for
    another epoch or from another incarnation are stale, and refused.

    If a worker dies, its lease returns to the front of a queue. The code that puts outputs in
    place claims the lease first (`begin_completion`): from then on the worker's death changes
    nothing, and no other claim succeeds.

    All methods are thread-safe. There is one lock, nothing blocks while holding it, and the only
    I/O is the sink's append.

    Args:
        devices: The devices, in display order.
        policy: The initial stealing policy.
        stealing: False keeps the assignment, except for the queues of dead devices.
        splitting: Whether idle devices take over batches of running units.
        copying: Whether idle devices also compute copies of a slow or hanging device's remaining
            batches if they would finish sooner; the first to finish counts.
        clock: Seconds since the run started; monotonic.
        sink: Called under the lock with every event, in order; must not raise.
        max_restarts: Restarts of a device before it is given up.
        poison_limit: Workers that a unit may kill before it fails.
        models: The run's models, to which units refer by their places.
    """

    def __init__(
        self,
        devices: Sequence[DeviceSpec],
        *,
        policy: PolicySettings,
        stealing: bool = True,
        splitting: bool = False,
        copying: bool = True,
        clock: Callable[[], float],
        sink: EventSink | None = None,
        max_restarts: int = 3,
        poison_limit: int = 2,
        models: Sequence[ModelSpec] = (ModelSpec(),),
    ) -> None:
        super().__init__(
            SchedulerState(
                devices,
                policy,
                stealing=stealing,
                splitting=splitting,
                copying=copying,
                clock=clock,
                sink=sink,
                max_restarts=max_restarts,
                poison_limit=poison_limit,
                models=models,
            )
        )

    def assign(
        self,
        units: Iterable[Unit],
        attempts: Mapping[int, int] | None = None,
        deaths: Mapping[int, int] | None = None,
    ) -> None:
        """Assign the run's units to the queues, once; before that no worker gets one.

        Args:
            units: The units to compute.
            attempts: The last epoch of units that were tried before, by number.
            deaths: Workers killed by units in earlier sessions, by number.
        """
        with self._changing as state:
            state.assign(units, attempts or {}, deaths or {})

    def add_done(self, *units: Unit) -> None:
        """Count units from an earlier session as done."""
        with self._changing as state:
            for unit in units:
                state.units.add_done(unit)

    def add_failed(self, unit: Unit, failure: Failure, *, by_hand: bool = False) -> None:
        """Count a unit that cannot be computed (an invalid input) as failed."""
        with self._changing as state:
            state.add_failed(unit, failure, by_hand=by_hand)

    def await_files(self) -> None:
        """Keep the run from ending when nothing is left to do, until `files_settled`."""
        with self._changing as state:
            adding.await_files(state)

    def files_settled(self) -> None:
        """End one wait for files, which were added or will not be."""
        with self._changing as state:
            adding.files_settled(state)

    def add(self, units: Sequence[Unit], failed: Sequence[tuple[Unit, Failure]], text: str) -> None:
        """Add new files to the run at work, behind those that wait.

        Args:
            units: The units to compute.
            failed: Files that cannot be computed, with the reason.
            text: Which files, for the log.
        """
        with self._changing as state:
            adding.add(state, units, failed, text)

    def warn(self, *notices: Notice) -> None:
        """Record warnings with their numbers and times."""
        with self._condition:
            for notice in notices:
                self._state.log.add(WarningEvent, notice)

    def decided(self, *lines: str) -> None:
        """Record what was decided for settings of the run that were left open."""
        with self._condition:
            for line in lines:
                self._state.log.add(SettingEvent, line, by_hand=False)

    def add_device(self, spec: DeviceSpec, *, drained: bool = False) -> None:
        """Add a device that joins after the start of the run.

        Its queue is empty; it gets units by steals or moves.

        Args:
            drained: Whether it has no worker before `StartDevice`.
        """
        with self._changing as state:
            record = state.device_pool.add(spec)
            record.drained = drained
            if drained:
                record.absence.begin(0.0)
            state.announce(record, "joined the run")

    def device_lost(self, device: str, reason: str, *, idle_only: bool = False) -> bool:
        """Give up a device whose worker is gone or leaving; its queue is free to steal.

        There is no charge, its leases wait again, and `device_back` restores it. Returns False if
        it was given up before, or has a lease and `idle_only`.
        """
        with self._changing as state:
            record = state.device_pool[device]
            return worker_deaths.device_lost(state, record, reason, idle_only=idle_only)

    def device_back(self, device: str) -> bool:
        """Restore a lost device; return False if it is drained or too many deaths count."""
        with self._changing as state:
            return worker_deaths.device_back(state, state.device_pool[device])

    def worker_starting(self, device: str) -> int:
        """Record the start of a worker process; return its incarnation, from 1."""
        with self._changing as state:
            record = state.device_pool[device]
            for active in (record.active, *record.behind):
                if active is not None and not active.claimed:
                    cause = ReturnCause.WORKER_REPLACED
                    completion.give_back(state, active, cause, to=record)
            record.incarnation += 1
            record.present = True
            record.leaving_since = state.clock() if record.drained else None
            record.ready = record.loading = False
            record.model = state.model_for(record)
            again = f"worker {record.incarnation} is starting" if record.incarnation > 1 else ""
            state.announce(record, again)
            return record.incarnation

    def model_of(self, device: str) -> int:
        """Return the place of the model that a device has, or that its new worker should load."""
        with self._condition:
            return self._state.device_pool[device].model

    def worker_ready(
        self,
        device: str,
        incarnation: int,
        name: str | None = None,
        model: int = 0,
        model_seconds: float = 0.0,
    ) -> None:
        """Record that a worker has loaded a model, and its hardware's name.

        Args:
            incarnation: The worker.
            name: Of the hardware.
            model: The place of the model in the run.
            model_seconds: Seconds that loading it took.
        """
        with self._changing as state:
            record = self._present(device, incarnation)
            if record is None:
                return
            record.ready = True
            record.name = name or record.name
            state.device_pool.has_model(record, model, model_seconds, state.clock())
            models = state.device_pool.models
            what = models.name(model) if models.several else "model"
            state.announce(record, f"{what} loaded")

    def take(self, device: str, incarnation: int) -> Lease | None:
        """Lease the next unit of a device's queue, or one stolen for it in the same step.

        Returns None if there is no work for this worker now: no unit, a pause, the end of the run,
        or the worker is not the device's current one. `finished_for` says whether it should exit,
        `wait_for_work` when to ask again.

        Raises:
            ValueError: The worker still holds a lease.
        """
        with self._changing as state:
            record = self._present(device, incarnation)
            return state.take(record) if record is not None else None

    def try_steal_work(self, device: str) -> Unit | None:
        """Move a unit from another queue to the front of this one if the policy decides so.

        `take` calls this if a device's own queue is empty. Returns the moved unit.
        """
        with self._changing as state:
            return state.steal(state.device_pool[device])

    def wait_for_work(self, device: str, incarnation: int, timeout: float) -> None:
        """Wait until `take` may answer differently, at most `timeout` seconds."""
        with self._condition:
            if self.worth_asking(device, incarnation):
                return
            check = self.next_check(device)
            now = self._state.clock()
            self._condition.wait(timeout if check is None else min(timeout, check - now))

    def worth_asking(self, device: str, incarnation: int) -> bool:
        """Whether `take` may answer differently from its last None."""
        with self._condition:
            state = self._state
            record = self._present(device, incarnation)
            if record is None or state.over or record.seen != state.version:
                return True
            check = state.next_check(record)
            return check is not None and check <= state.clock()

    def next_check(self, device: str) -> float | None:
        """Return when an idle device checks for a steal again, in seconds since the run started.

        None if it does so only after a change.
        """
        with self._condition:
            return self._state.next_check(self._state.device_pool[device])

    def wait(self, timeout: float) -> None:
        """Wait until the run is over or anything has changed, at most `timeout` seconds."""
        with self._condition:
            if not self._state.over:
                self._condition.wait(timeout)

    def record_telemetry(self, device: str, incarnation: int, telemetry: Telemetry) -> None:
        """Record a worker's measurement of its device."""
        with self._condition:
            record = self._present(device, incarnation)
            if record is not None:
                record.sample = telemetry.sample
                record.busy.add(self._state.clock(), telemetry.busy_seconds)

    def worker_died(
        self, device: str, incarnation: int, reason: str, *, charged: bool = True
    ) -> bool:
        """Handle the end of a worker process; return whether to start another.

        Its lease, if any, goes to the front of a queue: that of another live device of
        comparable speed, to distinguish a bad unit from a bad device, or else its own. A unit
        that has killed `poison_limit` workers fails; if they were on different devices, these
        deaths do not count against the devices. A device with more than `max_restarts` counted
        deaths is dead, and its queue is free to steal. While the run ends, a death is a
        departure, and so is that of a drained device's worker. A death that is not `charged`,
        because something outside ended the worker, counts only against the device.
        """
        with self._changing as state:
            record = self._present(device, incarnation)
            if record is None:
                return False
            return worker_deaths.worker_died(state, record, reason, charged=charged)

    def finished_for(self, device: str, incarnation: int) -> bool:
        """Whether a worker without a lease should exit."""
        with self._condition:
            record = self._present(device, incarnation)
            if record is None or record.leaving_since is not None:
                return True
            return self._state.ending or self._state.over

    def execute(self, command: Command) -> Outcome:
        """Execute a command, or refuse it with a reason."""
        with self._changing as state:
            return command.execute(state)
