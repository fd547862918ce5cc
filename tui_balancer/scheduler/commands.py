"""The user's commands and their execution.

To add a command: its class here or in a new module, and a line in `AnyCommand`.
"""

from __future__ import annotations

from dataclasses import dataclass

from msgspec import Struct

from tui_balancer.errors import UserError
from tui_balancer.scheduler.actions import adding, draining, pausing, policy, queue_edits
from tui_balancer.scheduler.actions.refusal import Refused, known_device, live_device
from tui_balancer.scheduler.actions.undo import Undoable
from tui_balancer.scheduler.events import SettingEvent
from tui_balancer.scheduler.model import PolicySettings
from tui_balancer.scheduler.state.state import SchedulerState


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of a command: done or refused, with a one-line message for a toast.

    Attributes:
        accepted: Whether it was done.
        message: What changed, or why nothing did.
        undoable: Whether `Undo` can undo it.
    """

    accepted: bool
    message: str
    undoable: bool = False


class Command(Struct, frozen=True, tag_field="command", forbid_unknown_fields=True):
    """A user's request to a run; the tag is its name in storage and messages."""

    def execute(self, state: SchedulerState) -> Outcome:
        """Execute it, or refuse it with a reason; the caller holds the lock."""
        try:
            self.check(state)
            answer = self.carry_out(state)
        except (Refused, UserError) as reason:
            return Outcome(False, str(reason))
        if isinstance(answer, Undoable):
            state.inverses.append(answer.inverse)
            return Outcome(True, answer.text, undoable=answer.possible)
        return Outcome(True, answer)

    def check(self, state: SchedulerState) -> None:
        """Raise `Refused` if the state of the run does not allow it."""
        if state.over:
            raise Refused("the run is over")
        if state.stopping:
            raise Refused("the run is being stopped")
        if state.draining:
            raise Refused("the run ends after the running files; nothing else is started")

    def carry_out(self, state: SchedulerState) -> str | Undoable:
        """Change the state; return a one-line message, with an inverse if it can be undone.

        Raises:
            Refused: It is not possible.
            UserError: It is invalid.
        """
        raise NotImplementedError


class PauseDevice(Command, frozen=True, tag="pause_device"):
    """Pause one device after its batch in flight; any device may steal from its queue."""

    device: str

    def carry_out(self, state: SchedulerState) -> Undoable:
        """See `Command.carry_out`."""
        return pausing.pause(state, live_device(state, self.device))


class ResumeDevice(Command, frozen=True, tag="resume_device"):
    """Resume one device."""

    device: str

    def carry_out(self, state: SchedulerState) -> Undoable:
        """See `Command.carry_out`."""
        return pausing.resume(state, live_device(state, self.device))


class PauseAll(Command, frozen=True, tag="pause_all"):
    """Pause every device after its batch in flight.

    Attributes:
        reason: Why; empty if a person requested it.
    """

    reason: str = ""

    def carry_out(self, state: SchedulerState) -> str | Undoable:
        """See `Command.carry_out`."""
        return pausing.pause_all(state, self.reason)


class ResumeAll(Command, frozen=True, tag="resume_all"):
    """Resume every device.

    Attributes:
        reason: Why; empty if a person requested it.
    """

    reason: str = ""

    def carry_out(self, state: SchedulerState) -> str | Undoable:
        """See `Command.carry_out`."""
        return pausing.resume_all(state, self.reason)


class DrainDevice(Command, frozen=True, tag="drain_device"):
    """Free one device: end its worker after the batch in flight, give its files to the others.

    Attributes:
        reason: Why; empty if a person requested it.
    """

    device: str
    reason: str = ""

    def carry_out(self, state: SchedulerState) -> str | Undoable:
        """See `Command.carry_out`."""
        return draining.drain(state, known_device(state, self.device), self.reason)


class StartDevice(Command, frozen=True, tag="start_device"):
    """Start the worker of a drained or dead device again.

    Attributes:
        reason: Why; empty if a person requested it.
    """

    device: str
    reason: str = ""

    def carry_out(self, state: SchedulerState) -> str | Undoable:
        """See `Command.carry_out`."""
        return draining.start(state, known_device(state, self.device), self.reason)


class SetPolicy(Command, frozen=True, tag="set_policy"):
    """Set the stealing policy."""

    settings: PolicySettings

    def carry_out(self, state: SchedulerState) -> str | Undoable:
        """See `Command.carry_out`."""
        return policy.set_policy(state, self.settings)


class MoveUnits(Command, frozen=True, tag="move_units"):
    """Move waiting units to the end of another device's queue; started ones are refused."""

    unit_ids: tuple[int, ...]
    device: str

    def carry_out(self, state: SchedulerState) -> Undoable:
        """See `Command.carry_out`."""
        return queue_edits.move(state, self.unit_ids, live_device(state, self.device))


class SplitUnit(Command, frozen=True, tag="split_unit"):
    """Give the last batches of a running unit to a device, as soon as it is free."""

    unit_id: int
    device: str

    def carry_out(self, state: SchedulerState) -> str:
        """See `Command.carry_out`."""
        target, unit_id = live_device(state, self.device), state.units.whole(self.unit_id)
        work = state.units.active.get(unit_id)
        if work is None:
            where = f"{state.units.name(unit_id)} is {state.units.state(unit_id)}"
            raise Refused(f"{where}: only running ones are split")
        name = work.unit.name
        active = state.joiner.divisible_lease(work)
        if active is None:
            raise Refused(f"{name} has no batches left that another device could take")
        if any(lease.lease.device == target.device for lease in work.leases.values()):
            raise Refused(f"{target.device} already works on {name}")
        if unit_id in target.wanted:
            raise Refused(f"{target.device} will already join {name}")
        target.wanted.append(unit_id)
        _log_setting(state, f"{target.device} will join {active.lease.device} in {name}")
        when = "when it has finished its file" if target.active else "now"
        return f"{target.device} joins {name} {when}"


class ReorderUnits(Command, frozen=True, tag="reorder_units"):
    """Move waiting units to the front or end of their queues.

    Attributes:
        unit_ids: The units, in their new order.
        first: Whether to the front; otherwise to the end.
    """

    unit_ids: tuple[int, ...]
    first: bool

    def carry_out(self, state: SchedulerState) -> Undoable:
        """See `Command.carry_out`."""
        return queue_edits.reorder(state, self.unit_ids, first=self.first)


class Undo(Command, frozen=True, tag="undo"):
    """Undo the last command that can be undone, for files that are still as it left them."""

    def carry_out(self, state: SchedulerState) -> str:
        """See `Command.carry_out`."""
        if not state.inverses:
            raise Refused("there is nothing to undo")
        return f"undone: {state.inverses.pop()(state)}"


class SkipUnits(Command, frozen=True, tag="skip_units"):
    """Skip waiting units; `RetryUnits` reverses it."""

    unit_ids: tuple[int, ...]

    def carry_out(self, state: SchedulerState) -> Undoable:
        """See `Command.carry_out`."""
        return queue_edits.skip(state, self.unit_ids)


class RetryUnits(Command, frozen=True, tag="retry_units"):
    """Queue units again that failed in this session or were skipped."""

    unit_ids: tuple[int, ...]

    def carry_out(self, state: SchedulerState) -> Undoable:
        """See `Command.carry_out`."""
        return queue_edits.retry(state, self.unit_ids)


class AddFiles(Command, frozen=True, tag="add_files"):
    """Add inputs to the run, which is not over before they are scanned and added.

    The run's handle finds and scans them, and calls `files_settled` in any case.

    Attributes:
        inputs: Files, folders and globs, absolute; for the models without inputs of their own.
        by_model: Pairs of a model and its own input, as in `--model MODEL=INPUT`.
    """

    inputs: tuple[str, ...]
    by_model: tuple[tuple[str, str], ...] = ()

    def carry_out(self, state: SchedulerState) -> str:
        """See `Command.carry_out`."""
        adding.await_files(state)
        return "looking for files"


class Drain(Command, frozen=True, tag="drain"):
    """Finish the running files, start no others, then end the run."""

    def carry_out(self, state: SchedulerState) -> str:
        """See `Command.carry_out`."""
        # A paused worker would never finish its file, and so the run.
        pausing.resume_paused(state)
        state.draining = True
        return _log_setting(state, "finishing the running files, starting no others")


class StopNow(Command, frozen=True, tag="stop_now"):
    """End the run after the batches in flight; unfinished files wait for another session."""

    def check(self, state: SchedulerState) -> None:
        """See `Command.check`; a run that drains can still be stopped."""
        if state.stopping:
            raise Refused("the run is already being stopped")
        if state.over:
            raise Refused("the run is over")

    def carry_out(self, state: SchedulerState) -> str:
        """See `Command.carry_out`."""
        state.stopping = True
        return _log_setting(state, "stopping after the batches in flight")


AnyCommand = (
    PauseDevice
    | ResumeDevice
    | PauseAll
    | ResumeAll
    | DrainDevice
    | StartDevice
    | SetPolicy
    | MoveUnits
    | SplitUnit
    | ReorderUnits
    | Undo
    | SkipUnits
    | RetryUnits
    | AddFiles
    | Drain
    | StopNow
)
"""All commands that another process can send."""


def _log_setting(state: SchedulerState, text: str) -> str:
    state.log.add(SettingEvent, text)
    state.changed()
    return text
