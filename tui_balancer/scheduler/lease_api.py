"""The lease side of a coordinator: what workers report, and what the app says of outputs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager

from tui_balancer.failures import Failure
from tui_balancer.leases import Directive, Progress, Share
from tui_balancer.scheduler.actions import completion
from tui_balancer.scheduler.model import ReturnCause
from tui_balancer.scheduler.read_api import ReadApi
from tui_balancer.scheduler.state.device_record import DeviceRecord
from tui_balancer.scheduler.state.leases import ActiveLease
from tui_balancer.scheduler.state.state import SchedulerState


class LeaseApi(ReadApi):
    """The part of a coordinator at which leases in force are reported on and ended.

    Whatever is said for a lease that is not in force, or by a worker that does not hold it, is
    stale and changes nothing.
    """

    def wait_while_paused(self, device: str, incarnation: int, timeout: float) -> Directive:
        """Wait with a paused worker; return what it does next, after `timeout` at the latest.

        Any change wakes it, so the answer may be `PAUSE` again.
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
        """Note how far a lease is; the answer holds at this batch boundary.

        `batch` is the number of the batch that was finished last, which is kept by now. A lease
        that is `computed` has nothing left but its outputs to be written: its worker may take
        another one meanwhile.
        """
        with self._changing() as state:
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
        """Note what a unit's batches cost, so that it can be divided.

        Args:
            costs: FLOPs of the batches, in the order of their numbers; 0 for those that are
                kept already.
        """
        with self._changing() as state:
            active = self._held_by(device, incarnation, unit_id, epoch)
            if active is not None:
                state.learn_batches(state.device_pool[device], active, costs)

    def share(self, device: str, incarnation: int, unit_id: int, epoch: int) -> Share | None:
        """Return which batches a lease has now; None for a stale one.

        A worker asks after `Directive.RESHARE`, before it begins another batch.
        """
        with self._condition:
            active = self._held_by(device, incarnation, unit_id, epoch)
            return self._state.sharer.share(active) if active is not None else None

    def finish_part(
        self, device: str, incarnation: int, unit_id: int, epoch: int, compute_seconds: float
    ) -> Directive:
        """Answer the worker of a divided unit that is through with all batches it knows of.

        Its batches are reported and kept. It is either released, its lease being over, or has
        to ask for its share again: more batches, or, as the last one, the whole unit.
        """
        with self._changing() as state:
            active = self._held_by(device, incarnation, unit_id, epoch)
            if active is None:
                return Directive.ABANDON
            return state.finish_part(active, compute_seconds)

    def begin_completion(self, device: str, incarnation: int, unit_id: int, epoch: int) -> bool:
        """Claim the right to put a unit's outputs in place; False for a stale lease.

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
        """Count a unit as done, its outputs being in place; False for a stale epoch.

        Args:
            epoch: The attempt that computed it.
            compute_seconds: Time its batches were in flight.
            failures: Why some files of a bundle have no output, by their numbers.
        """
        with self._changing() as state:
            active = state.units.current(unit_id, epoch)
            if active is None:
                return False
            completion.complete(state, active, compute_seconds, failures or {})
            return True

    def record_file_failure(self, unit_id: int, epoch: int, failure: Failure) -> bool:
        """Count a unit as failed, for good; False for a stale epoch."""
        with self._changing() as state:
            active = state.units.current(unit_id, epoch)
            if active is None:
                return False
            completion.fail(state, active, failure)
            return True

    def return_lease(
        self, device: str, incarnation: int, unit_id: int, epoch: int, cause: ReturnCause
    ) -> bool:
        """Put a unit that a worker abandoned into its queue again, uncharged; False if stale."""
        with self._changing() as state:
            active = self._held_by(device, incarnation, unit_id, epoch)
            if active is None or active.claimed:
                return False
            completion.give_back(state, active, cause, to=state.device_pool[device])
            return True

    def give_up_completion(self, unit_id: int, epoch: int, cause: ReturnCause) -> bool:
        """Put a claimed unit into its queue again, since its outputs cannot be put in place now.

        False for a stale epoch.
        """
        with self._changing() as state:
            active = state.units.current(unit_id, epoch)
            if active is None:
                return False
            completion.give_back(state, active, cause, to=state.device_pool[active.lease.device])
            return True

    @contextmanager
    def _changing(self) -> Iterator[SchedulerState]:
        """Hold the lock, and wake the waiting threads if their answers may have changed."""
        with self._condition:
            before = self._state.version
            try:
                yield self._state
            finally:
                if self._state.version != before:
                    self._condition.notify_all()

    def _present(self, device: str, incarnation: int) -> DeviceRecord | None:
        """Return the record if this is the device's present worker."""
        record = self._state.device_pool[device]
        return record if record.present and record.incarnation == incarnation else None

    def _held_by(
        self, device: str, incarnation: int, unit_id: int, epoch: int
    ) -> ActiveLease | None:
        """Return the lease if it is in force and held by this very worker."""
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
