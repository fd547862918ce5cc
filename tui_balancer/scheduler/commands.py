"""The commands of the user: what each asks for, and how it is carried out.

To add a command: its class here or in a new module, and a line in `AnyCommand`.
"""

from __future__ import annotations

from dataclasses import dataclass

from msgspec import Struct

from tui_balancer.errors import UserError
from tui_balancer.scheduler.actions import pausing, policy, queue_edits
from tui_balancer.scheduler.actions.refusal import Refused, live_device
from tui_balancer.scheduler.actions.undo import Undoable
from tui_balancer.scheduler.events import SettingEvent
from tui_balancer.scheduler.model import PolicySettings
from tui_balancer.scheduler.state.state import SchedulerState


@dataclass(frozen=True, slots=True)
class Outcome:
    """The answer to a command: done, or refused, and why, in one line for a toast.

    Attributes:
        accepted: Whether it is done.
        message: What was done, or why it was not.
        undoable: Whether `Undo` takes it back.
    """

    accepted: bool
    message: str
    undoable: bool = False


class Command(Struct, frozen=True, tag_field="command", forbid_unknown_fields=True):
    """What a user asks of a run; the tag names it where it is stored or sent."""

    def execute(self, state: SchedulerState) -> Outcome:
        """Carry it out, or refuse it with the reason; the caller holds the lock."""
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
        """Raise `Refused` when the run is in no state for it."""
        if state.over:
            raise Refused("the run is over")
        if state.stopping:
            raise Refused("the run is being stopped")
        if state.draining:
            raise Refused("the run ends after the running files; nothing else is started")

    def carry_out(self, state: SchedulerState) -> str | Undoable:
        """Change the state, and return what was done, in one line, and how to undo it if it can be.

        Raises:
            Refused: It cannot be done.
            UserError: It makes no sense.
        """
        raise NotImplementedError


class PauseDevice(Command, frozen=True, tag="pause_device"):
    """Pause one device after its batch in flight; its queue becomes free to steal."""

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
        reason: Why; empty when a person just wants it.
    """

    reason: str = ""

    def carry_out(self, state: SchedulerState) -> str | Undoable:
        """See `Command.carry_out`."""
        return pausing.pause_all(state, self.reason)


class ResumeAll(Command, frozen=True, tag="resume_all"):
    """Resume every device.

    Attributes:
        reason: Why; empty when a person just wants it.
    """

    reason: str = ""

    def carry_out(self, state: SchedulerState) -> str | Undoable:
        """See `Command.carry_out`."""
        return pausing.resume_all(state, self.reason)


class SetPolicy(Command, frozen=True, tag="set_policy"):
    """Steal by these rules from now on."""

    settings: PolicySettings

    def carry_out(self, state: SchedulerState) -> str | Undoable:
        """See `Command.carry_out`."""
        return policy.set_policy(state, self.settings)


class MoveUnits(Command, frozen=True, tag="move_units"):
    """Put waiting units at the end of another device's queue; started ones are refused."""

    unit_ids: tuple[int, ...]
    device: str

    def carry_out(self, state: SchedulerState) -> Undoable:
        """See `Command.carry_out`."""
        return queue_edits.move(state, self.unit_ids, live_device(state, self.device))


class SplitUnit(Command, frozen=True, tag="split_unit"):
    """Give the back of a running unit's batches to a device, as soon as it is free."""

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
            raise Refused(f"{target.device} works on {name} already")
        if unit_id in target.wanted:
            raise Refused(f"{target.device} will join in {name} already")
        target.wanted.append(unit_id)
        _log_setting(state, f"{target.device} is to join {active.lease.device} in {name}")
        when = "when it is through with its file" if target.active else "now"
        return f"{target.device} joins in {name} {when}"


class ReorderUnits(Command, frozen=True, tag="reorder_units"):
    """Put waiting units first or last in the queues that they are in.

    Attributes:
        unit_ids: The units, in the order that they are to have.
        first: Before all others; else behind them.
    """

    unit_ids: tuple[int, ...]
    first: bool

    def carry_out(self, state: SchedulerState) -> Undoable:
        """See `Command.carry_out`."""
        return queue_edits.reorder(state, self.unit_ids, first=self.first)


class Undo(Command, frozen=True, tag="undo"):
    """Take back the last command that can be undone, as far as its files are as it left them."""

    def carry_out(self, state: SchedulerState) -> str:
        """See `Command.carry_out`."""
        if not state.inverses:
            raise Refused("there is nothing to undo")
        return f"undone: {state.inverses.pop()(state)}"


class SkipUnits(Command, frozen=True, tag="skip_units"):
    """Leave waiting units out of the run; `RetryUnits` takes it back."""

    unit_ids: tuple[int, ...]

    def carry_out(self, state: SchedulerState) -> Undoable:
        """See `Command.carry_out`."""
        return queue_edits.skip(state, self.unit_ids)


class RetryUnits(Command, frozen=True, tag="retry_units"):
    """Put units that failed in this session, or were skipped, into a queue again."""

    unit_ids: tuple[int, ...]

    def carry_out(self, state: SchedulerState) -> Undoable:
        """See `Command.carry_out`."""
        return queue_edits.retry(state, self.unit_ids)


class Drain(Command, frozen=True, tag="drain"):
    """Finish the running files, start no others, then end the run."""

    def carry_out(self, state: SchedulerState) -> str:
        """See `Command.carry_out`."""
        # A paused worker would keep its running file, and so the run, from ever finishing.
        pausing.resume_paused(state)
        state.draining = True
        return _log_setting(state, "finishing the running files, starting no others")


class StopNow(Command, frozen=True, tag="stop_now"):
    """End the run after the batches in flight; unfinished files wait for another run."""

    def check(self, state: SchedulerState) -> None:
        """See `Command.check`; a run that drains can still be stopped."""
        if state.stopping:
            raise Refused("the run is being stopped already")
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
    | SetPolicy
    | MoveUnits
    | SplitUnit
    | ReorderUnits
    | Undo
    | SkipUnits
    | RetryUnits
    | Drain
    | StopNow
)
"""Every command that another process can send."""


def _log_setting(state: SchedulerState, text: str) -> str:
    state.log.add(SettingEvent, text)
    state.changed()
    return text
