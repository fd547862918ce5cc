"""Changes the stealing policy."""

from __future__ import annotations

from functools import partial

from tui_balancer.scheduler.actions.refusal import Refused
from tui_balancer.scheduler.actions.undo import Undoable
from tui_balancer.scheduler.events import SettingEvent
from tui_balancer.scheduler.model import PolicySettings
from tui_balancer.scheduler.policy.rule_settings import describe
from tui_balancer.scheduler.state.state import SchedulerState


def set_policy(state: SchedulerState, settings: PolicySettings) -> str | Undoable:
    """Set the stealing policy."""
    if not state.balancer.stealing:
        raise Refused("stealing is off in this run (--no-stealing)")
    before = state.balancer.policy.settings
    if settings == before:
        return describe(settings)
    return Undoable(_put_in_force(state, settings), partial(_restore, before=before, now=settings))


def _restore(state: SchedulerState, before: PolicySettings, now: PolicySettings) -> str:
    if state.balancer.policy.settings != now:
        raise Refused("nothing to undo: the threshold was changed again")
    return _put_in_force(state, before)


def _put_in_force(state: SchedulerState, settings: PolicySettings) -> str:
    state.balancer.set_policy(settings)
    text = describe(settings)
    state.log.add(SettingEvent, text)
    state.changed()
    return text
