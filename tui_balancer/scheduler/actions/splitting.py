"""Splitting a running unit for a device that the user chooses."""

from __future__ import annotations

from tui_balancer.scheduler.actions.refusal import Refused
from tui_balancer.scheduler.events import SettingEvent
from tui_balancer.scheduler.state.device_record import DeviceRecord
from tui_balancer.scheduler.state.state import SchedulerState


def split(state: SchedulerState, unit_id: int, target: DeviceRecord) -> str:
    """Note that a device joins the work on a running unit as soon as it is free."""
    unit_id = state.units.whole(unit_id)
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
    state.log.add(SettingEvent, f"{target.device} is to join {active.lease.device} in {name}")
    state.changed()
    when = "when it is through with its file" if target.active else "now"
    return f"{target.device} joins in {name} {when}"
