"""Whatever happens in a run, at every moment everything in it is explained."""

from __future__ import annotations

from math import inf

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.explaining import facts_of
from tests.support.simulated import NO_SHRINK, Story
from tui_balancer.run_folder.shards import shown
from tui_balancer.scheduler.events import Event
from tui_balancer.scheduler.model import (
    CountSettings,
    DeviceSpec,
    DeviceState,
    Ended,
    PolicySettings,
    TimeSettings,
)
from tui_balancer.scheduler.policy.bounds import Speed
from tui_balancer.scheduler.simulation.devices import Rules, SimulatedDevice
from tui_balancer.scheduler.simulation.run import SimulatedRun
from tui_balancer.scheduler.simulation.simulate import lognormal_units
from tui_balancer.view.event_lines import event_line
from tui_balancer.view.why.explain import explain_all, explain_event, explain_name
from tui_balancer.view.why.facts import Facts, FileWord
from tui_balancer.view.why.record import WhyRecord

VERBS = {
    FileWord.WAITING: ("waits",),
    FileWord.RUNNING: ("runs", "has run on"),
    FileWord.DONE: ("is done",),
    FileWord.FAILED: ("failed",),
    FileWord.SKIPPED: ("is skipped",),
}


def true_state(facts: Facts, number: int) -> FileWord:
    """Return the state of a file by what the coordinator says of it."""
    places = facts.places
    ended = Ended(places.ended[number]) if number < len(places.ended) else Ended.NOT
    if ended:
        return FileWord(ended.name.lower())
    waits = any(number in queue for queue in places.queues.values())
    return FileWord.WAITING if waits else FileWord.RUNNING


def assert_all_is_explained(facts: Facts) -> None:
    """Hold what is said of every file and device against what the coordinator has."""
    for unit in facts.units:
        told = explain_name(facts, unit.name)
        state = true_state(facts, unit.unit_id)
        assert told.state == state.value
        assert told.text.startswith(tuple(f"{unit.name} {verb}" for verb in VERBS[state]))
        assert told.text.endswith(".")
        assert "among the events" not in told.text
    for one in facts.snapshot.devices:
        told = explain_name(facts, one.device)
        assert told.state == one.state.value
        assert told.text.startswith(
            tuple(f"{one.device} {verb} {one.state.value}" for verb in ("is", "has been"))
        )
        assert told.text.endswith(".")
    not_busy = {one.device for one in facts.snapshot.devices if one.state is not DeviceState.BUSY}
    assert {told.name for told in explain_all(facts)} >= not_busy


@settings(deadline=None, max_examples=60, phases=NO_SHRINK)
@given(data=st.data())
def test_every_file_and_device_is_explained_at_every_moment(data: st.DataObject) -> None:
    events: list[Event] = []
    story = Story(data, events.append)
    record = WhyRecord()
    for _ in story.go():
        units = shown(story.files)
        facts = facts_of(story.run.coordinator, units, record, story.run.now)
        assert_all_is_explained(facts)
    for event in events:
        line = event_line(event)
        assert line is None or explain_event(facts, event).text.endswith((".", ")"))


@pytest.mark.parametrize("policy", [CountSettings(), TimeSettings(0.0), TimeSettings(5.0)])
@pytest.mark.parametrize("stealing", [True, False])
@pytest.mark.parametrize("batch_cost", [1.0, inf])
def test_whatever_the_rule_idle_devices_are_explained_as_the_coordinator_decides(
    policy: PolicySettings, stealing: bool, batch_cost: float
) -> None:
    devices = [
        SimulatedDevice(DeviceSpec(name, "card", 1.0), Speed.steady(1.0 + 2 * n), 1.0, deaths)
        for n, (name, deaths) in enumerate([("cuda:0", ()), ("cuda:1", (9.0,)), ("cuda:2", ())])
    ]
    files = lognormal_units(1, 20, mean_cost=10.0)
    run = SimulatedRun(devices, Rules(policy, stealing, batch_cost, 1.0))
    run.begin(files)
    record, idle = WhyRecord(), list[str]()
    while not run.coordinator.over:
        run.advance(run.now + 0.5)
        facts = facts_of(
            run.coordinator, files, record, run.now, stealing=stealing, splitting=batch_cost < inf
        )
        assert_all_is_explained(facts)
        idle += [
            explain_name(facts, one.device).text
            for one in facts.snapshot.devices
            if one.state is DeviceState.IDLE and not run.coordinator.over
        ]
    # The coordinator has just refused them all; only the clock has moved on since.
    assert len([text for text in idle if "about to" in text]) <= len(idle) / 50
    assert idle
