"""Efficiency and idle time, from what happened."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from tests.support import pictures
from tests.support.balance import units
from tui_balancer.scheduler.events import (
    DeviceEvent,
    DoneEvent,
    Event,
    LeaseEvent,
    PartEvent,
    SplitEvent,
)
from tui_balancer.scheduler.model import DeviceState
from tui_balancer.view.run_state import RunState
from tui_balancer.view.run_stats import RunStats
from tui_balancer.view.summary_text import summary_lines


def stats_of(costs: Sequence[float], *events: Event) -> RunStats:
    told = RunStats()
    state = RunState(told)
    state.expect(tuple(units(*costs)))
    state.apply_all(events)
    return told


def run_stats() -> RunStats:
    """30 and 10 FLOPs at 1 FLOP/s each, begun after 100 seconds of loading."""
    return stats_of(
        (30.0, 10.0),
        LeaseEvent(1, 100.0, 0, "a", "cuda:0", 1),
        LeaseEvent(2, 100.0, 1, "b", "cuda:1", 1),
        DoneEvent(3, 110.0, 1, "b", "cuda:1", 1, 10.0),
        DoneEvent(4, 130.0, 0, "a", "cuda:0", 1, 30.0),
    )


def test_the_bound_shares_the_work_evenly_and_leaves_loading_aside() -> None:
    assert run_stats().efficiency() == pytest.approx(20 / 30)


def test_a_device_is_idle_while_another_one_still_works() -> None:
    told = run_stats()
    assert [told.idle_seconds(device) for device in ("cuda:0", "cuda:1", "cuda:2")] == [0, 20, 30]


def test_a_device_is_neither_idle_nor_a_loss_while_it_is_drained() -> None:
    """Two devices of 1 FLOP/s: one is drained for 15 of 30 seconds, and computes for 10."""
    told = stats_of(
        (30.0, 10.0),
        DeviceEvent(1, 90.0, "cuda:0", DeviceState.STARTING, ""),
        DeviceEvent(2, 90.0, "cuda:1", DeviceState.STARTING, ""),
        LeaseEvent(3, 100.0, 0, "a", "cuda:0", 1),
        LeaseEvent(4, 100.0, 1, "b", "cuda:1", 1),
        DoneEvent(5, 110.0, 1, "b", "cuda:1", 1, 10.0),
        DeviceEvent(6, 112.0, "cuda:1", DeviceState.DRAINED, ""),
        DeviceEvent(7, 127.0, "cuda:1", DeviceState.STARTING, ""),
        DoneEvent(8, 130.0, 0, "a", "cuda:0", 1, 30.0),
    )
    assert told.efficiency() == pytest.approx(40 / (30 + 15))
    assert told.copy().idle_seconds("cuda:1") == 5
    assert told.devices["cuda:1"].starts == 1


def test_a_device_that_joins_late_was_away_before() -> None:
    told = stats_of(
        (30.0, 10.0),
        LeaseEvent(1, 100.0, 0, "a", "cuda:0", 1),
        DeviceEvent(2, 115.0, "cuda:1", DeviceState.DRAINED, "joined the run"),
        DeviceEvent(3, 115.0, "cuda:1", DeviceState.STARTING, ""),
        LeaseEvent(4, 120.0, 1, "b", "cuda:1", 1),
        DoneEvent(5, 130.0, 1, "b", "cuda:1", 1, 10.0),
        DoneEvent(6, 130.0, 0, "a", "cuda:0", 1, 30.0),
    )
    assert told.efficiency() == pytest.approx(40 / (30 + 15))


def test_where_nothing_was_done_nothing_is_claimed() -> None:
    assert RunStats().efficiency() is None
    assert RunStats().idle_seconds("cuda:0") is None


def test_the_end_says_how_close_to_the_bound_the_run_came() -> None:
    device = replace(pictures.SUMMARY.devices[0], idle_seconds=20.0)
    lines = summary_lines(replace(pictures.SUMMARY, efficiency=0.94, devices=(device,)))
    assert any(line.startswith("balance") and "94% efficient" in line for line in lines)
    assert any(line.startswith(device.device) and "idle 20s" in line for line in lines)


def test_the_work_of_a_divided_file_counts_where_it_was_done() -> None:
    told = stats_of(
        (40.0,),
        LeaseEvent(1, 0.0, 0, "a", "cuda:0", 1),
        SplitEvent(2, 0.0, 0, "a", "cuda:0", "cuda:1", 10, 40, "sooner"),
        LeaseEvent(3, 0.0, 0, "a", "cuda:1", 2, part=True),
        PartEvent(4, 10.0, 0, "a", "cuda:1", 2, 3, 300, 10.0, 10.0),
        DoneEvent(5, 30.0, 0, "a", "cuda:0", 1, 30.0),
    )
    both = [told.devices[device] for device in ("cuda:0", "cuda:1")]
    assert [(one.files, one.sequences, one.cost) for one in both] == [(1, 7, 30.0), (0, 3, 10.0)]
    assert told.idle_seconds("cuda:1") == 20.0
    assert told.splits == 1
    assert told.efficiency() == pytest.approx(20 / 30)


def test_predicted_times_are_held_against_the_real_ones() -> None:
    assert RunStats().prediction_errors() is None
    told = stats_of(
        [1.0] * 5,
        *(
            DoneEvent(number, 1.0, number, "a", "cuda:0", 1, 10.0, predicted_seconds=predicted)
            for number, predicted in enumerate((9.0, 11.0, 12.0, 20.0, None))
        ),
    )
    usual, worst = told.prediction_errors() or (0.0, 0.0)
    assert (usual, worst) == (pytest.approx(0.15), pytest.approx(0.88))
    lines = summary_lines(replace(pictures.SUMMARY, prediction_errors=(usual, worst)))
    timing = "predicted times are off by at most 15% for half of the files, 88% for 95% of them"
    assert f"timing   {timing}" in lines
