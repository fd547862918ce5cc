"""The fold of a run's events against the coordinator that made them."""

from __future__ import annotations

from typing import get_args

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.balance import units
from tests.support.simulated import NO_SHRINK, Story
from tests.support.told_events import TOLD
from tui_balancer.scheduler.events import Event, RunEvent
from tui_balancer.scheduler.model import DeviceState
from tui_balancer.scheduler.read_api import ReadApi
from tui_balancer.ui.state.file_table import FileWatch
from tui_balancer.ui.state.timeline import TimelineRecord
from tui_balancer.view.places import FilePlaces
from tui_balancer.view.run_state import RunState, SpanEnd
from tui_balancer.view.run_stats import RunStats
from tui_balancer.view.spans import SpanRecord

COUNTS = ("files", "done", "failed", "skipped", "running", "waiting")


def assert_agreed(places: FilePlaces, stats: RunStats, truth: ReadApi) -> None:
    """Hold what the events tell against what the coordinator has."""
    wanted = truth.places(-1)
    assert wanted is not None
    told = places.places(wanted.last_event)
    filled = {device: queue for device, queue in told.queues.items() if queue}
    assert filled == {device: queue for device, queue in wanted.queues.items() if queue}
    length = len(told.ended)
    assert told.ended == wanted.ended[:length].ljust(length, b"\0")
    totals, true_totals = places.totals(), truth.totals()
    for name in COUNTS:
        assert getattr(totals, name) == getattr(true_totals, name), name
    queued, fronts = places.queued(), places.next_files(3)
    for row in truth.get_gpu_metrics():
        front = [file.unit_id for file in fronts.get(row.device, ())]
        assert front == list(wanted.queues.get(row.device, ()))[:3]
        next_ids = [unit.unit_id for unit in row.next_units]
        assert next_ids == [unit.unit_id for unit in truth.queue(row.device)][: len(next_ids)]
        assert bool(next_ids) == bool(row.queued_files)
        starts = [unit.starts_seconds for unit in row.next_units]
        assert starts == sorted(starts, key=lambda seconds: seconds or 0.0)
        tally = stats.devices[row.device]
        seen = (tally.files, tally.stolen_to, tally.stolen_from)
        assert seen == (row.files_done, row.stolen_to, row.stolen_from)
        files, cost = queued.get(row.device, (0, 0.0))
        assert files == row.queued_files
        assert abs(cost - row.queued_cost) < 1e-6


@settings(deadline=None, max_examples=60, phases=NO_SHRINK)
@given(data=st.data())
def test_the_events_tell_where_every_file_is_at_every_moment(data: st.DataObject) -> None:
    events: list[Event] = []
    story = Story(data, events.append)
    places, stats = FilePlaces(), RunStats()
    state = RunState(places, stats)
    state.expect(story.files)
    for _ in story.go():
        state.apply_all(events[state.last_event :])
        assert_agreed(places, stats, story.run.coordinator)
    final, coordinator = places.totals(), story.run.coordinator
    alive = any(row.state is not DeviceState.DEAD for row in coordinator.get_gpu_metrics())
    assert final.running == final.waiting == 0 or not (alive and coordinator.over)


def test_every_kind_of_event_has_its_meaning_for_all_that_is_kept() -> None:
    """A new kind without one would end a run at its first event."""
    stats, record, places = RunStats(), SpanRecord(9.0), FilePlaces()
    timeline = TimelineRecord()
    state = RunState(stats, record, places, timeline, FileWatch())
    state.expect(units(*[1.0] * 14))
    state.apply_all(TOLD)
    assert {type(event) for event in TOLD} == set(get_args(RunEvent))
    assert (stats.steals, stats.splits, stats.moves) == (1, 2, 1)
    assert (len(stats.failures), len(stats.skips), len(stats.warnings)) == (0, 0, 2)
    assert [(span.unit_id, span.how) for span in record.spans] == [(4, SpanEnd.PART)]
    assert [one.state for one in record.states] == [DeviceState.DEAD, DeviceState.IDLE]
    assert places.totals().done == 1
    assert [span.how for span in timeline.tracks["cuda:1"].latest(2, 9.0)] == [SpanEnd.PART]
