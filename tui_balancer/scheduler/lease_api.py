"""The lease API of a coordinator, for workers' reports and the app's publishing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from threading import Condition

from tui_balancer.failures import Failure
from tui_balancer.leases import Directive, Progress, Share
from tui_balancer.scheduler.actions import completion
from tui_balancer.scheduler.model import ReturnCause
from tui_balancer.scheduler.read_api import ReadApi
from tui_balancer.scheduler.state.device_record import DeviceRecord
from tui_balancer.scheduler.state.leases import ActiveLease
from tui_balancer.scheduler.state.state import SchedulerState


class _Changing:
    """Holds the lock, and wakes the waiting threads if their answers may have changed.

    A context manager of `contextlib` takes longer than all else that a short call does. There is
    one for all threads, and none enters it twice.
    """

    __slots__ = ("_before", "_condition", "_state")

    def __init__(self, state: SchedulerState, condition: Condition) -> None:
        self._state = state
        self._condition = condition

    def __enter__(self) -> SchedulerState:
        self._condition.acquire()
        self._before = self._state.version
        return self._state

    def __exit__(self, *_: object) -> None:
        if self._state.version != self._before:
            self._condition.notify_all()
        self._condition.release()


class LeaseApi(ReadApi):
    """The part of a coordinator that handles reports on current leases and their ends.

    A call for a lease that is not current, or from a worker without it, is stale and has no
    effect.
    """

    def __init__(self, state: SchedulerState) -> None:
        super().__init__(state)
        self._changing = _Changing(state, self._condition)

    def wait_while_paused(self, device: str, incarnation: int, timeout: float) -> Directive:
        """Wait while a worker is paused; return its next directive, after at most `timeout`.

        Any change ends the wait, so the answer may be `PAUSE` again.
        """
        with self._condition:
            directive = self._directive_of(device, incarnation)
            if directive is Directive.PAUSE:
                self._condition.wait(timeout)
                directive = self._directive_of(device, incarnation)
            return directive

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
        """Record a lease's progress; the answer applies at this batch boundary.

        `batch` is the number of the last finished batch, which is kept. A lease that is
        `computed` only has its outputs left to write: its worker may take another one meanwhile.
        """
        with self._changing as state:
            active = self._held_by(device, incarnation, unit_id, epoch)
            if active is None:
                return Directive.ABANDON
            record = state.device_pool[device]
            state.advance(record, active, progress, batch)
            if computed:
                state.computed(record, active)
            return state.directive(record, active)

    def learn_batches(
        self, device: str, incarnation: int, unit_id: int, epoch: int, costs: Iterable[float]
    ) -> None:
        """Record the costs of a unit's batches, so that it can be split.

        Args:
            costs: FLOPs of the batches by number; 0 for those that are already kept.
        """
        with self._changing as state:
            active = self._held_by(device, incarnation, unit_id, epoch)
            if active is not None:
                state.learn_batches(state.device_pool[device], active, costs)

    def share(self, device: str, incarnation: int, unit_id: int, epoch: int) -> Share | None:
        """Return the current batches of a lease; None for a stale one.

        A worker calls this after `Directive.RESHARE`, before it starts another batch.
        """
        with self._condition:
            active = self._held_by(device, incarnation, unit_id, epoch)
            return self._state.sharer.share(active) if active is not None else None

    def finish_part(
        self, device: str, incarnation: int, unit_id: int, epoch: int, compute_seconds: float
    ) -> Directive:
        """Return the directive for a worker of a split unit that has finished its batches.

        Its batches are reported and kept. Either its lease is over, or it must request its share
        again: more batches, or, as the last one, the whole unit.
        """
        with self._changing as state:
            active = self._held_by(device, incarnation, unit_id, epoch)
            if active is None:
                return Directive.ABANDON
            return state.finish_part(active, compute_seconds)

    def begin_completion(self, device: str, incarnation: int, unit_id: int, epoch: int) -> bool:
        """Claim the right to put a unit's outputs in place; return False for a stale lease.

        A claim must be followed by `record_file_completion`, `record_file_failure` or
        `give_up_completion`.
        """
        with self._condition:
            active = self._held_by(device, incarnation, unit_id, epoch)
            if active is None or active.claimed:
                return False
            self._state.claim(active)
            return True

    def record_file_completion(
        self,
        unit_id: int,
        epoch: int,
        compute_seconds: float,
        failures: Mapping[int, Failure] | None = None,
    ) -> bool:
        """Count a unit with outputs in place as done; return False for a stale epoch.

        Args:
            epoch: The attempt that computed it.
            compute_seconds: Seconds with batches in flight.
            failures: Why files of a bundle have no output, by number.
        """
        with self._changing as state:
            active = state.units.current(unit_id, epoch)
            if active is None:
                return False
            completion.complete(state, active, compute_seconds, failures or {})
            return True

    def record_file_failure(self, unit_id: int, epoch: int, failure: Failure) -> bool:
        """Count a unit as failed; return False for a stale epoch."""
        with self._changing as state:
            active = state.units.current(unit_id, epoch)
            if active is None:
                return False
            completion.fail(state, active, failure)
            return True

    def return_lease(
        self, device: str, incarnation: int, unit_id: int, epoch: int, cause: ReturnCause
    ) -> bool:
        """Return an abandoned unit to a queue, uncharged; return False if stale.

        That is the queue of its device, or of another one if this one is drained.
        """
        with self._changing as state:
            active = self._held_by(device, incarnation, unit_id, epoch)
            if active is None or active.claimed:
                return False
            record = state.device_pool[device]
            if cause is ReturnCause.STOPPED and record.leaving_since is not None:
                cause = ReturnCause.DRAINED
            completion.give_back(state, active, cause, to=state.heir(record))
            return True

    def give_up_completion(self, unit_id: int, epoch: int, cause: ReturnCause) -> bool:
        """Return a claimed unit to its queue, because its outputs cannot be put in place now.

        Returns False for a stale epoch.
        """
        with self._changing as state:
            active = state.units.current(unit_id, epoch)
            if active is None:
                return False
            record = state.device_pool[active.lease.device]
            completion.give_back(state, active, cause, to=state.heir(record))
            return True

    def _present(self, device: str, incarnation: int) -> DeviceRecord | None:
        """Return the record if this is the device's current worker."""
        record = self._state.device_pool[device]
        return record if record.present and record.incarnation == incarnation else None

    def _held_by(
        self, device: str, incarnation: int, unit_id: int, epoch: int
    ) -> ActiveLease | None:
        """Return the lease if it is current and this worker has it."""
        active = self._state.units.current(unit_id, epoch)
        if active is None or self._present(device, incarnation) is None:
            return None
        held = active.lease.device == device and active.incarnation == incarnation
        return active if held else None

    def _directive_of(self, device: str, incarnation: int) -> Directive:
        record = self._present(device, incarnation)
        if record is None or record.active is None:
            return Directive.ABANDON
        return self._state.directive(record, record.active)
