"""The one object that decides who computes what, for any number of threads and processes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from tui_balancer.balance import steering
from tui_balancer.balance.board import Board
from tui_balancer.balance.commands import Command, Outcome
from tui_balancer.balance.device_record import DeviceRecord
from tui_balancer.balance.event_log import Journal
from tui_balancer.balance.events import WarningEvent
from tui_balancer.balance.model import (
    DeviceSpec,
    Directive,
    Lease,
    PolicySettings,
    Progress,
    Telemetry,
    Unit,
)
from tui_balancer.balance.observation import ObservableBoard
from tui_balancer.balance.parts import Share
from tui_balancer.balance.units import ActiveLease


class WorkStealingCoordinator(ObservableBoard):
    """Owns the queues, leases, pauses, policy, events and metrics of a run.

    A worker takes the head of its own device's queue. When that is empty, the policy may
    move a unit there from another queue, in the same step. Taking a unit is granting a lease:
    the unit is in a queue or in a lease, never in neither and never in both. A lease carries
    an epoch (the attempt) and belongs to one incarnation of a device's worker; anything said
    for another epoch or by another incarnation is stale, and refused.

    A worker whose device dies gives its lease back to the front of a queue. Whoever puts
    outputs in place claims the lease first (`begin_completion`): from then on the worker's
    death changes nothing, and nobody else can claim it.

    Every method may be called from any thread. There is one lock, nothing blocks while
    holding it, and there is no I/O but the journal's append.

    Args:
        devices: The devices, in the order in which they are shown.
        policy: The stealing rule to begin with.
        stealing: False leaves the assignment alone, except for the queues of dead devices.
        splitting: Whether idle devices take over batches of running units.
        clock: Seconds since the run began; never goes back.
        journal: Called under the lock with every event, in order; must not raise.
        max_restarts: Restarts a device gets before it is given up.
        poison_limit: Workers that a unit may kill before it is failed.
    """

    def __init__(
        self,
        devices: Sequence[DeviceSpec],
        *,
        policy: PolicySettings,
        stealing: bool = True,
        splitting: bool = False,
        clock: Callable[[], float],
        journal: Journal | None = None,
        max_restarts: int = 3,
        poison_limit: int = 2,
    ) -> None:
        super().__init__(
            Board(
                devices,
                policy,
                stealing=stealing,
                splitting=splitting,
                clock=clock,
                journal=journal,
                max_restarts=max_restarts,
                poison_limit=poison_limit,
            )
        )

    def assign(
        self,
        units: Iterable[Unit],
        attempts: Mapping[int, int] | None = None,
        deaths: Mapping[int, int] | None = None,
    ) -> None:
        """Distribute the run's units over the queues, once; until then nobody gets anything.

        Args:
            units: What is to be done.
            attempts: The last epoch of units that were tried before, by their numbers.
            deaths: Workers that units killed before this process took the run up.
        """
        with self._changing() as board:
            board.assign(units, attempts or {}, deaths or {})

    def add_done(self, unit: Unit) -> None:
        """Count a unit as done that was finished before this process took the run up."""
        with self._changing() as board:
            board.units.add_done(unit)

    def add_failed(self, unit: Unit, reason: str) -> None:
        """Count a unit that cannot be computed (a bad input) as failed."""
        with self._changing() as board:
            board.add_failed(unit, reason)

    def warn(self, text: str) -> None:
        """Write down, with its number and time, what a person should read."""
        with self._condition:
            self._board.log.add(WarningEvent, text)

    def worker_starting(self, device: str) -> int:
        """Note that a worker process is being started; return its incarnation, from 1."""
        with self._changing() as board:
            record = board.roster[device]
            for active in (record.active, *record.behind):
                if active is not None and not active.claimed:
                    board.give_back(active, "its worker was replaced", to=record)
            record.incarnation += 1
            record.present = True
            record.ready = False
            board.announce(record, f"worker {record.incarnation} is starting")
            return record.incarnation

    def worker_ready(self, device: str, incarnation: int, name: str | None = None) -> None:
        """Note that a worker has its model loaded, and what its hardware calls itself."""
        with self._changing() as board:
            record = self._present(device, incarnation)
            if record is None:
                return
            record.ready = True
            record.name = name or record.name
            board.announce(record, "model loaded")

    def take(self, device: str, incarnation: int) -> Lease | None:
        """Lease the next unit of a device's queue, or one stolen for it in this very step.

        Returns None when there is nothing for this worker now: no unit, a pause, the end of
        the run, or the worker is not the device's present one. `finished_for` tells whether
        it should leave, `wait_for_work` when to ask again.

        Raises:
            ValueError: The worker still holds a lease.
        """
        with self._changing() as board:
            record = self._present(device, incarnation)
            return board.take(record) if record is not None else None

    def try_steal_work(self, device: str) -> Unit | None:
        """Move a unit from another queue to the front of this one if the policy says so.

        `take` calls this when a device's own queue is empty. Returns the unit that was moved.
        """
        with self._changing() as board:
            return board.steal(board.roster[device])

    def wait_for_work(self, device: str, incarnation: int, timeout: float) -> None:
        """Return when `take` may answer differently, at the latest after `timeout` seconds."""
        with self._condition:
            if self.worth_asking(device, incarnation):
                return
            look = self.next_look(device)
            now = self._board.clock()
            self._condition.wait(timeout if look is None else min(timeout, look - now))

    def worth_asking(self, device: str, incarnation: int) -> bool:
        """Whether `take` may answer differently from its last answer, which was None."""
        with self._condition:
            board = self._board
            record = self._present(device, incarnation)
            if record is None or board.over or record.seen != board.version:
                return True
            look = board.next_look(record)
            return look is not None and look <= board.clock()

    def next_look(self, device: str) -> float | None:
        """Return when an idle device looks for a steal again, in seconds of the run.

        None where it does so only after a change.
        """
        with self._condition:
            return self._board.next_look(self._board.roster[device])

    def wait_while_paused(self, device: str, incarnation: int, timeout: float) -> Directive:
        """Hold a worker within its unit; return what it does next, after `timeout` at the latest.

        Any change wakes it, so the answer may be to pause on.
        """
        with self._condition:
            directive = self._directive_of(device, incarnation)
            if directive is Directive.PAUSE:
                self._condition.wait(timeout)
                directive = self._directive_of(device, incarnation)
            return directive

    def wait(self, timeout: float) -> None:
        """Return when the run is over or anything else has changed, or after `timeout` seconds."""
        with self._condition:
            if not self._board.over:
                self._condition.wait(timeout)

    def learn_batches(
        self, device: str, incarnation: int, unit_id: int, epoch: int, costs: Iterable[float]
    ) -> None:
        """Note what a unit's batches cost, so that it can be divided.

        Args:
            device: Whose worker tells it.
            incarnation: Of the worker.
            unit_id: The unit.
            epoch: The attempt.
            costs: FLOPs of the batches, in the order of their numbers; 0 for those that are
                kept already.
        """
        with self._changing() as board:
            active = self._held_by(device, incarnation, unit_id, epoch)
            if active is not None:
                board.learn_batches(board.roster[device], active, costs)

    def share(self, device: str, incarnation: int, unit_id: int, epoch: int) -> Share | None:
        """Return which batches a lease has now; None for a stale one.

        A worker asks when it is told to (`Directive.RESHARE`), before it begins another batch.
        """
        with self._condition:
            active = self._held_by(device, incarnation, unit_id, epoch)
            return self._board.sharer.share(active) if active is not None else None

    def finish_part(
        self, device: str, incarnation: int, unit_id: int, epoch: int, compute_seconds: float
    ) -> Directive:
        """Answer the worker of a divided unit that is through with all batches it knows of.

        Its batches are reported and kept. It is either released, its lease being over, or has
        to ask for its share again: more batches, or, as the last one, the whole unit.
        """
        with self._changing() as board:
            active = self._held_by(device, incarnation, unit_id, epoch)
            if active is None:
                return Directive.ABANDON
            return board.finish_part(active, compute_seconds)

    def report_progress(
        self,
        device: str,
        incarnation: int,
        unit_id: int,
        epoch: int,
        progress: Progress,
        batch: int | None = None,
        *,
        computed: bool = False,
    ) -> Directive:
        """Note how far a lease is; the answer holds at this batch boundary.

        `batch` is the number of the batch that was finished last, which is kept by now. A lease
        that is `computed` has nothing left but its outputs to be written: its worker may take
        another one meanwhile.
        """
        with self._changing() as board:
            active = self._held_by(device, incarnation, unit_id, epoch)
            if active is None:
                return Directive.ABANDON
            record = board.roster[device]
            board.advance(record, active, progress, batch)
            if computed:
                board.computed(record, active)
            return board.directive(record, active)

    def record_telemetry(self, device: str, incarnation: int, telemetry: Telemetry) -> None:
        """Note what a worker measured about its device."""
        with self._condition:
            record = self._present(device, incarnation)
            if record is not None:
                record.telemetry = telemetry
                record.busy.add(self._board.clock(), telemetry.busy_seconds)

    def begin_completion(self, device: str, incarnation: int, unit_id: int, epoch: int) -> bool:
        """Claim the right to put a unit's outputs in place; False for whoever is stale.

        A claim must be followed by `record_file_completion`, `record_file_failure` or
        `give_up_completion`.
        """
        with self._condition:
            active = self._held_by(device, incarnation, unit_id, epoch)
            if active is None or active.claimed:
                return False
            self._board.claim(active)
            return True

    def record_file_completion(
        self,
        unit_id: int,
        epoch: int,
        compute_seconds: float,
        failures: Mapping[int, str] | None = None,
    ) -> bool:
        """Count a unit as done, its outputs being in place; False for a stale epoch.

        Args:
            unit_id: The unit.
            epoch: The attempt that computed it.
            compute_seconds: Time its batches were in flight.
            failures: Why some files of a bundle have no output, by their numbers.
        """
        with self._changing() as board:
            active = board.units.current(unit_id, epoch)
            if active is None:
                return False
            board.complete(active, compute_seconds, failures or {})
            return True

    def record_file_failure(self, unit_id: int, epoch: int, reason: str) -> bool:
        """Count a unit as failed, for good; False for a stale epoch."""
        with self._changing() as board:
            active = board.units.current(unit_id, epoch)
            if active is None:
                return False
            board.fail(active, reason)
            return True

    def return_lease(
        self, device: str, incarnation: int, unit_id: int, epoch: int, reason: str
    ) -> bool:
        """Let a unit that a worker abandoned wait again, without blame; False if stale."""
        with self._changing() as board:
            active = self._held_by(device, incarnation, unit_id, epoch)
            if active is None or active.claimed:
                return False
            board.give_back(active, reason, to=board.roster[device])
            return True

    def give_up_completion(self, unit_id: int, epoch: int, reason: str) -> bool:
        """Let a claimed unit wait again, since its outputs cannot be put in place now.

        False for a stale epoch.
        """
        with self._changing() as board:
            active = board.units.current(unit_id, epoch)
            if active is None:
                return False
            board.give_back(active, reason, to=board.roster[active.lease.device])
            return True

    def worker_died(self, device: str, incarnation: int, reason: str) -> bool:
        """Deal with the end of a worker process; return whether to start another.

        Its lease, if any, goes to the front of a queue: that of another live device of
        comparable speed, so that a bad unit and a bad device can be told apart, or else its
        own. A unit that has killed `poison_limit` workers fails; if they were of different
        devices, these deaths are not held against the devices. A device with more than
        `max_restarts` deaths held against it is dead, and its queue is free to steal. When
        the run ends anyway the death is a departure.
        """
        with self._changing() as board:
            record = self._present(device, incarnation)
            return board.worker_died(record, reason) if record is not None else False

    def finished_for(self, device: str, incarnation: int) -> bool:
        """Whether a worker without a lease should leave."""
        with self._condition:
            record = self._present(device, incarnation)
            return record is None or self._board.ending or self._board.over

    def execute(self, command: Command) -> Outcome:
        """Carry out a person's command, or refuse it with the reason."""
        with self._changing() as board:
            return steering.execute(board, command)

    @contextmanager
    def _changing(self) -> Iterator[Board]:
        """Hold the lock, and wake the waiting threads if their answers may have changed."""
        with self._condition:
            before = self._board.version
            try:
                yield self._board
            finally:
                if self._board.version != before:
                    self._condition.notify_all()

    def _present(self, device: str, incarnation: int) -> DeviceRecord | None:
        """Return the record if this is the device's present worker."""
        record = self._board.roster[device]
        return record if record.present and record.incarnation == incarnation else None

    def _held_by(
        self, device: str, incarnation: int, unit_id: int, epoch: int
    ) -> ActiveLease | None:
        """Return the lease if it is in force and held by this very worker."""
        active = self._board.units.current(unit_id, epoch)
        if active is None or self._present(device, incarnation) is None:
            return None
        held = active.lease.device == device and active.incarnation == incarnation
        return active if held else None

    def _directive_of(self, device: str, incarnation: int) -> Directive:
        record = self._present(device, incarnation)
        if record is None or record.active is None:
            return Directive.ABANDON
        return self._board.directive(record, record.active)
