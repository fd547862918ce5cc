"""A finished run, played again from its ledger: what is shown when, and how one moves in it."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

from tests.support.told_run import (
    BAD,
    BROKEN,
    NAMES,
    SHARED,
    A,
    C,
    told_run,
)
from tui_balancer.history.replay.replay_run import SPEEDS, ReplayRun
from tui_balancer.scheduler.commands import PauseAll
from tui_balancer.scheduler.model import DeviceMetrics, DeviceState
from tui_balancer.view.handle import Phase

LENGTH = 20.0


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return told_run(tmp_path_factory.mktemp("told"))


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def replay(folder: Path, clock: Clock) -> ReplayRun:
    return ReplayRun(folder, speed=2.0, clock=clock)


def row(replay: ReplayRun, device: str) -> DeviceMetrics:
    return next(one for one in replay.snapshot().devices if one.device == device)


def test_it_plays_from_the_beginning_at_its_speed(replay: ReplayRun, clock: Clock) -> None:
    assert replay.snapshot().phase is Phase.LOADING
    clock.now += 3.5
    assert replay.snapshot().elapsed_seconds == 7.0
    assert replay.snapshot().phase is Phase.RUNNING
    assert replay.summary() is None


def test_at_its_end_it_stops_and_shows_the_end_of_the_run(replay: ReplayRun, clock: Clock) -> None:
    clock.now += 1000.0
    snapshot, summary = replay.snapshot(), replay.summary()
    assert (snapshot.phase, snapshot.elapsed_seconds) == (Phase.FINISHED, LENGTH)
    assert (snapshot.totals.done, snapshot.totals.failed) == (4, 2)
    assert summary is not None
    assert (summary.done, len(summary.failed)) == (4, 2)
    assert not replay.playback().playing


def test_played_at_its_end_it_begins_anew(replay: ReplayRun, clock: Clock) -> None:
    clock.now += 1000.0
    replay.toggle()
    assert (replay.playback().position, replay.playback().playing) == (0.0, True)
    clock.now += 1.0
    assert replay.playback().position == 2.0


def test_paused_it_stands_still(replay: ReplayRun, clock: Clock) -> None:
    clock.now += 2.0
    replay.toggle()
    clock.now += 50.0
    assert (replay.playback().position, replay.playback().playing) == (4.0, False)
    replay.toggle()
    clock.now += 1.0
    assert replay.playback().position == 6.0


@pytest.mark.parametrize(("wanted", "there"), [(7.5, 7.5), (-3.0, 0.0), (99.0, LENGTH)])
def test_one_may_go_to_any_moment_of_the_run(
    replay: ReplayRun, wanted: float, there: float
) -> None:
    replay.seek(wanted)
    assert replay.playback().position == there


def test_the_speed_goes_up_and_down_in_steps_and_what_was_played_stays(
    replay: ReplayRun, clock: Clock
) -> None:
    clock.now += 1.0
    assert [replay.change_speed(faster=True) for _ in range(2)] == [5, 10]
    assert replay.playback().position == 2.0
    assert [replay.change_speed(faster=False) for _ in range(3)] == [5, 2, 1]
    for _ in SPEEDS:
        replay.change_speed(faster=False)
    assert replay.playback().speed == SPEEDS[0]


def test_jumps_go_from_landmark_to_landmark_and_pause_there(replay: ReplayRun) -> None:
    def jumped(*, forward: bool) -> float | None:
        return replay.playback().position if replay.jump("steal", forward=forward) else None

    assert [jumped(forward=True) for _ in range(3)] == [6.0, 14.5, None]
    assert not replay.playback().playing
    assert [jumped(forward=False) for _ in range(2)] == [6.0, None]
    assert replay.jump("failure", forward=True)
    assert replay.playback().position == pytest.approx(10.1)
    assert replay.landmarks("failure") == pytest.approx((0.6, 10.1, 14.0))


def test_a_device_is_shown_with_what_it_had_in_hand(replay: ReplayRun) -> None:
    replay.seek(4.0)
    first = row(replay, "cpu:0")
    assert (first.state, first.name) == (DeviceState.BUSY, "a CPU")
    assert first.running is not None
    assert (first.running.unit.name, first.running.fraction) == (NAMES[A], 0.5)
    assert (first.residues_done, first.files_done) == (500, 0)
    assert first.residues_per_second == pytest.approx(250.0)
    replay.seek(10.0 - 1e-6)
    assert (row(replay, "cpu:0").stolen_to, row(replay, "cpu:1").stolen_from) == (1, 1)
    assert row(replay, "cpu:1").files_done == 1


def test_a_device_has_every_figure_that_the_ledger_tells(replay: ReplayRun) -> None:
    rows: list[DeviceMetrics] = []
    for halves in range(int(2 * LENGTH)):
        replay.seek(halves / 2)
        rows += replay.snapshot().devices
    bare = DeviceMetrics("", "", DeviceState.IDLE, 1.0)
    missing = {
        one.name
        for one in fields(DeviceMetrics)
        if all(getattr(row, one.name) == getattr(bare, one.name) for row in rows)
    }
    # The last one is of dead devices; this run has none.
    assert missing == {"utilisation", "sample", "model", "loading", "note"}


def test_between_sessions_nothing_is_in_hand_and_after_them_the_run_goes_on(
    replay: ReplayRun,
) -> None:
    replay.seek(10.0)
    assert {one.state for one in replay.snapshot().devices} == {DeviceState.STOPPED}
    assert replay.snapshot().totals.running == 0
    replay.seek(12.0)
    assert replay.snapshot().totals.running == 2
    assert row(replay, "cpu:0").running is not None


@pytest.mark.parametrize("seconds", [0.0, 3.0, 6.05, 9.0, 10.0, 15.0, 17.5, LENGTH])
def test_every_file_is_in_one_place_at_every_moment(replay: ReplayRun, seconds: float) -> None:
    replay.seek(seconds)
    totals, places = replay.snapshot().totals, replay.places(-1)
    assert places is not None
    waiting = [number for queue in places.queues.values() for number in queue]
    ended = [number for number, how in enumerate(places.ended) if how]
    assert not set(waiting) & set(ended)
    assert (len(waiting), len(ended)) == (totals.waiting, totals.done + totals.failed)
    assert totals.files == totals.done + totals.failed + totals.running + totals.waiting


def waiting(replay: ReplayRun) -> dict[str, list[int]]:
    places = replay.places(-1)
    assert places is not None
    return {device: numbers.tolist() for device, numbers in places.queues.items()}


def test_files_wait_where_they_were_put(replay: ReplayRun) -> None:
    replay.seek(4.0)
    assert waiting(replay) == {"cpu:0": [], "cpu:1": [C, BROKEN, SHARED]}
    assert row(replay, "cpu:1").queued_files == 3
    replay.seek(6.05)
    assert waiting(replay)["cpu:0"] == [C]


def test_going_back_takes_back_what_has_happened(replay: ReplayRun) -> None:
    replay.seek(15.0)
    later = replay.snapshot()
    replay.seek(4.0)
    before = replay.snapshot()
    assert before.last_event < later.last_event
    assert before.totals.done == 0
    assert len(replay.events_after(0)) == before.last_event
    replay.seek(15.0)
    assert replay.snapshot() == later


def test_places_come_only_when_something_has_happened(replay: ReplayRun) -> None:
    replay.seek(4.0)
    places = replay.places(-1)
    assert places is not None
    assert places.ended[BAD] == 2
    assert replay.places(places.last_event) is None


def test_the_past_takes_no_commands(replay: ReplayRun) -> None:
    outcome = replay.execute(PauseAll())
    assert (outcome.accepted, outcome.message) == (
        False,
        "this is a replay: commands are off",
    )
