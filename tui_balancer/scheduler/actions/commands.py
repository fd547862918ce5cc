"""Carrying out what a person asks for, or refusing it with the reason."""

from __future__ import annotations

from tui_balancer.errors import UserError
from tui_balancer.scheduler.actions import queue_edits
from tui_balancer.scheduler.actions.queue_edits import BY_HAND, Refused
from tui_balancer.scheduler.commands import (
    Command,
    Drain,
    MoveUnits,
    Outcome,
    PauseAll,
    PauseDevice,
    ReorderUnits,
    ResumeAll,
    ResumeDevice,
    RetryUnits,
    SetPolicy,
    SkipUnits,
    SplitUnit,
    StopNow,
    UndoMove,
)
from tui_balancer.scheduler.events import SettingEvent
from tui_balancer.scheduler.model import PolicySettings
from tui_balancer.scheduler.policy.rule_settings import describe
from tui_balancer.scheduler.state.device_record import DeviceRecord
from tui_balancer.scheduler.state.state import SchedulerState


def execute(board: SchedulerState, command: Command) -> Outcome:
    """Carry out a command on the board; the caller holds the lock."""
    try:
        return Outcome(True, _carry_out(board, command))
    except (Refused, UserError) as reason:
        return Outcome(False, str(reason))


def _carry_out(board: SchedulerState, command: Command) -> str:
    if isinstance(command, StopNow):
        return _stop(board)
    if board.over:
        raise Refused("the run is over")
    if board.stopping:
        raise Refused("the run is being stopped")
    if board.draining:
        raise Refused("the run ends after the running files; nothing else is started")
    if isinstance(command, Drain):
        return _drain(board)
    if isinstance(command, PauseDevice):
        return _pause(board, _live_device(board, command.device))
    if isinstance(command, ResumeDevice):
        return _resume(board, _live_device(board, command.device))
    if isinstance(command, PauseAll):
        return _pause_all(board, command.reason)
    if isinstance(command, ResumeAll):
        return _resume_all(board, command.reason)
    if isinstance(command, SetPolicy):
        return _set_policy(board, command.settings)
    return _arrange(board, command)


def _arrange(
    board: SchedulerState,
    command: MoveUnits | SplitUnit | ReorderUnits | UndoMove | SkipUnits | RetryUnits,
) -> str:
    if isinstance(command, SplitUnit):
        return _split(board, command.unit_id, _live_device(board, command.device))
    if isinstance(command, MoveUnits):
        target = _live_device(board, command.device)
        return queue_edits.move(board, command.unit_ids, target)
    if isinstance(command, ReorderUnits):
        return queue_edits.reorder(board, command.unit_ids, first=command.first)
    if isinstance(command, UndoMove):
        return queue_edits.undo(board)
    if isinstance(command, SkipUnits):
        return queue_edits.skip(board, command.unit_ids)
    return queue_edits.retry(board, command.unit_ids)


def _live_device(board: SchedulerState, device: str) -> DeviceRecord:
    record = board.device_pool.get(device)
    if record is None:
        raise Refused(f"there is no device {device}")
    if not record.live:
        raise Refused(f"{device} is {record.state.value}")
    return record


def _pause(board: SchedulerState, record: DeviceRecord) -> str:
    if record.paused:
        raise Refused(f"{record.device} is paused already")
    _hold(board, record)
    running = record.active is not None
    return f"{record.device} is paused" + (" after its batch in flight" if running else "")


def _resume(board: SchedulerState, record: DeviceRecord) -> str:
    if not record.paused:
        raise Refused(f"{record.device} is not paused")
    _let_go(board, record)
    return f"{record.device} goes on"


def _pause_all(board: SchedulerState, reason: str) -> str:
    at_work = board.device_pool.at_work
    if not at_work:
        raise Refused("all devices are paused already")
    for record in at_work:
        _hold(board, record, reason)
    return "all devices are paused"


def _resume_all(board: SchedulerState, reason: str) -> str:
    paused = [record for record in board.device_pool.live if record.paused]
    if not paused:
        raise Refused("no device is paused")
    for record in paused:
        _let_go(board, record, reason)
    return "all devices go on"


def _hold(board: SchedulerState, record: DeviceRecord, reason: str = "") -> None:
    record.paused = True
    board.announce(record, reason or BY_HAND)


def _let_go(board: SchedulerState, record: DeviceRecord, reason: str = "") -> None:
    record.paused = False
    if record.active is not None and record.active.held:
        record.active.held = False
        record.active.reported = board.clock()
    board.announce(record, reason or f"resumed {BY_HAND}")


def _set_policy(board: SchedulerState, settings: PolicySettings) -> str:
    if not board.balancer.stealing:
        raise Refused("stealing is off in this run (--no-stealing)")
    board.balancer.set_policy(settings)
    board.changed()
    text = describe(settings)
    board.log.add(SettingEvent, text)
    return text


def _split(board: SchedulerState, unit_id: int, target: DeviceRecord) -> str:
    unit_id = board.units.whole(unit_id)
    work = board.units.active.get(unit_id)
    if work is None:
        where = f"{board.units.name(unit_id)} is {board.units.state(unit_id)}"
        raise Refused(f"{where}: only running ones are split")
    name = work.unit.name
    active = board.joiner.holder(work)
    if active is None:
        raise Refused(f"{name} has no batches left that another device could take")
    if any(lease.lease.device == target.device for lease in work.leases.values()):
        raise Refused(f"{target.device} works on {name} already")
    if unit_id in target.wanted:
        raise Refused(f"{target.device} will join in {name} already")
    target.wanted.append(unit_id)
    board.log.add(SettingEvent, f"{target.device} is to join {active.lease.device} in {name}")
    board.changed()
    when = "when it is through with its file" if target.active else "now"
    return f"{target.device} joins in {name} {when}"


def _drain(board: SchedulerState) -> str:
    # A held worker would keep its running file, and so the run, from ever finishing.
    for record in board.device_pool.live:
        if record.paused:
            _let_go(board, record)
    board.draining = True
    return _note(board, "finishing the running files, starting no others")


def _stop(board: SchedulerState) -> str:
    if board.stopping:
        raise Refused("the run is being stopped already")
    if board.over:
        raise Refused("the run is over")
    board.stopping = True
    return _note(board, "stopping after the batches in flight")


def _note(board: SchedulerState, text: str) -> str:
    board.log.add(SettingEvent, text)
    board.changed()
    return text
