"""Explains why a device is idle: each rule that could give it work, and its result."""

from __future__ import annotations

from collections.abc import Sequence

from tui_balancer.formatting import count, estimate, plural
from tui_balancer.scheduler.model import CountSettings, DeviceMetrics, DeviceState, TimeSettings
from tui_balancer.scheduler.policy.rule_settings import sooner
from tui_balancer.scheduler.policy.stealing import best_to_steal
from tui_balancer.scheduler.splitting.cut import HAND_OVER_SECONDS
from tui_balancer.scheduler.state.cost_index import CostIndex
from tui_balancer.view.handle import Phase
from tui_balancer.view.why.facts import AT_WORK, Facts
from tui_balancer.view.why.words import running_left


def why_idle(facts: Facts, idle: DeviceMetrics) -> str:
    """Return why a device is idle, as the text after a colon."""
    return _run_gives_nothing(facts) or _own_queue(facts, idle) or _others(facts, idle)


def _run_gives_nothing(facts: Facts) -> str:
    snapshot = facts.snapshot
    if snapshot.phase is Phase.FINISHED:
        return "the run has ended"
    if snapshot.phase is Phase.STOPPING:
        return "the run is being stopped"
    if snapshot.phase is Phase.DRAINING:
        return "the run ends after the running files and starts no others"
    if not facts.assigned:
        scan = snapshot.scan
        read = f"{count(scan.files_scanned)} of {plural(scan.files_found, 'file')}"
        return f"files are assigned once all inputs are read, {read} so far"
    return ""


def _own_queue(facts: Facts, idle: DeviceMetrics) -> str:
    queue = facts.queue(idle.device) if idle.queued_files else ()
    if not queue:
        return ""
    return f"it is about to start {queue[0].name}, the first of {_files(idle)} in its queue"


def _others(facts: Facts, idle: DeviceMetrics) -> str:
    snapshot = facts.snapshot
    victims = [one for one in snapshot.devices if one.queued_files and one is not idle]
    if not victims:
        return _nothing_waits(facts, idle)
    # Regardless of the threshold; without stealing, only from dead and drained devices.
    paused = (DeviceState.PAUSED,) if snapshot.stealing else ()
    states = (DeviceState.DEAD, DeviceState.DRAINED, *paused)
    if free := [one for one in victims if one.state in states]:
        one = max(free, key=lambda one: one.queued_cost)
        return f"it is about to take a file from {one.device}, which is {one.state.value}"
    waiting = sum(one.queued_files for one in victims)
    if not snapshot.stealing:
        files = f"{plural(waiting, 'file')} {'waits' if waiting == 1 else 'wait'}"
        return f"its own files are done, and {files} for other devices (--no-stealing)"
    if isinstance(snapshot.policy, CountSettings):
        return _by_count(facts, snapshot.policy, victims)
    return _by_time(facts, snapshot.policy, idle, victims)


def _by_count(facts: Facts, rule: CountSettings, victims: Sequence[DeviceMetrics]) -> str:
    lengths = {one.device: len(facts.queue(one.device)) for one in victims}
    device = max(lengths, key=lambda one: lengths[one])
    longest = f"{device} has {plural(lengths[device], 'file')} waiting"
    if lengths[device] < rule.minimum:
        return f"no queue is long enough to steal from, {longest} and {rule.minimum} are required"
    return (
        f"it steals from {device} at its next check, every {rule.interval_seconds:g} s: {longest}"
    )


def _by_time(
    facts: Facts, rule: TimeSettings, idle: DeviceMetrics, victims: Sequence[DeviceMetrics]
) -> str:
    if not idle.rate:
        return "no speed has been measured yet, so no gain of a steal can be estimated"
    best, where = None, idle
    for victim in victims:
        queue, left = facts.queue(victim.device), victim.finish_seconds
        if not queue or not victim.rate or left is None:
            continue
        finish, unit = best_to_steal(CostIndex(queue), left, victim.rate, idle.rate)
        if best is None or left - finish > best[0]:
            best, where = (left - finish, unit), victim
    least = f"at least {rule.gain_seconds:g} s"
    if best is None:
        return f"no waiting file would end {least} sooner here"
    gain, unit = best
    if gain > 0 and gain >= rule.gain_seconds:
        return f"it is about to steal {unit.name} from {where.device}: {sooner(gain)}"
    came = sooner(gain) if gain > 0 else "no sooner"
    refused = f"{unit.name} from {where.device}, both would end {came}"
    return f"no waiting file would end {least} sooner here; with the best, {refused}"


def _nothing_waits(facts: Facts, idle: DeviceMetrics) -> str:
    snapshot = facts.snapshot
    last = next((one for one in facts.ends() if one.running and one is not idle), None)
    if last is None or last.running is None:
        held = [one for one in snapshot.devices if one.running and one.state not in AT_WORK]
        if held and held[0].running:
            one, unit = held[0], held[0].running.unit
            return f"no file waits, and the last, {unit.name}, is held by {one.device}"
        return "no file is left to start"
    running = last.running
    left = running_left(last, running)
    text = (
        f"no file waits; {last.device} is the last to end, with {running.unit.name} "
        f"({estimate(left)} left)"
    )
    split = facts.record.splits.get(running.unit.unit_id)
    if split is not None and split.copy and len(facts.record.leases(split.unit_id)) > 1:
        return f"{text}, of which {split.target} computes a copy"
    return f"{text}, {_not_joined(facts, idle, left)}"


def _not_joined(facts: Facts, idle: DeviceMetrics, left: float | None) -> str:
    """Return why a device does not join the last running file."""
    snapshot = facts.snapshot
    if not snapshot.stealing:
        return "which others may not join (--no-stealing)"
    if not idle.rate or left is None:
        return "and no speed has been measured yet to estimate the gain of joining it"
    policy = snapshot.policy
    if not snapshot.splitting and isinstance(policy, CountSettings):
        return "which is not divided (--split off)"
    gain = (policy if isinstance(policy, TimeSettings) else TimeSettings()).gain_seconds
    least = f"at least {gain:g} s after a transfer of {HAND_OVER_SECONDS:g} s"
    if left <= HAND_OVER_SECONDS + gain:
        return f"too little for another device to save {least}"
    if not snapshot.splitting:
        return f"and a copy of it here would not save {least} (--split off)"
    return f"and joining it would not save {least}: batches in flight are not divided"


def _files(device: DeviceMetrics) -> str:
    return plural(device.queued_files, "file")
