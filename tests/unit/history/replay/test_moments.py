"""Any moment of a replay, reached from anywhere, is the run as it was live."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.simulated import NO_SHRINK, Story
from tui_balancer.history.history import RunHistory, SessionHistory
from tui_balancer.history.replay import index
from tui_balancer.history.replay.index import ReplayIndex
from tui_balancer.history.replay.state import ReplayState
from tui_balancer.ledger.records import RunRecord, SessionRecord
from tui_balancer.scheduler.events import Event
from tui_balancer.scheduler.model import Unit
from tui_balancer.view.places import FilePlaces
from tui_balancer.view.run_state import RunState
from tui_balancer.view.run_stats import RunStats

LOOKS = 10
"""Events between two looks at the live run."""


def seen(state: ReplayState) -> tuple[Any, ...]:
    """Return all that is told of a moment."""
    stats, places = state.run_stats, state.file_places
    return (
        state.last_event,
        state.fold.leases,
        state.fold.devices,
        places.places(state.last_event),
        places.totals(),
        places.queued(),
        places.next_files(3),
        dict(stats.devices),
        (stats.steals, stats.splits, stats.moves, stats.failures, stats.skips, stats.warnings),
        (stats.efficiency(), stats.prediction_errors(), stats.first_lease),
    )


def history_of(units: list[Unit], events: list[Event]) -> RunHistory:
    session = SessionHistory(SessionRecord(0.0, "node1", 1, {}), 0, 0.0, events[-1].seconds, ())
    run = RunRecord(0.0, "esm2_t6_8M_UR50D", {})
    return RunHistory(Path(), run, (session,), (), tuple(units), tuple(events))


@settings(deadline=None, max_examples=25, phases=NO_SHRINK)
@given(data=st.data())
def test_a_replay_has_every_moment_as_it_was_live(data: st.DataObject) -> None:
    events: list[Event] = []
    run_stats, file_places = RunStats(), FilePlaces()
    live = ReplayState(RunState(run_stats, file_places), run_stats, file_places)
    looks: dict[int, tuple[Any, ...]] = {}

    def happen(event: Event) -> None:
        events.append(event)
        live.fold.apply(event)
        if event.sequence % LOOKS == 0:
            looks[event.sequence] = seen(live.copy())

    story = Story(data, happen)
    live.fold.expect(story.files)
    for _ in story.go():
        pass
    looks[len(events)] = seen(live.copy())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(index, "APART", data.draw(st.integers(1, 40)))
        patch.setattr(index, "KEYFRAMES", 10_000)
        replay = ReplayIndex(history_of(story.files, events))
    state = None
    for moment in data.draw(st.permutations([*looks, *looks])):
        state = replay.after(moment, state)
        assert seen(state) == looks[moment]
