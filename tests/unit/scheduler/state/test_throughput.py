"""Rates: what the screen shows over its window, and what the policies reckon with."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.balance import specs
from tui_balancer.leases import Progress
from tui_balancer.scheduler.state.device_pool import DevicePool
from tui_balancer.scheduler.state.throughput import (
    BusyShare,
    Pace,
    ThroughputWindow,
    advanced,
)


def steady(window: ThroughputWindow, start: float, files: int, seconds: float, cost: float) -> None:
    """Do so many files one after the other, each 10 sequences of 1,000 residues in all."""
    for index in range(files):
        window.file_started(start + index * seconds)
        window.add(start + (index + 1) * seconds, 10, 1000, cost)


def test_a_steady_device_is_shown_at_its_speed() -> None:
    window = ThroughputWindow()
    steady(window, 0.0, 100, 2.0, 50.0)
    shown = window.throughput(200.0)
    assert shown is not None
    assert shown.sequences_per_second == pytest.approx(5.0)
    assert shown.residues_per_second == pytest.approx(500.0)
    assert shown.flops_per_second == pytest.approx(25.0)


def test_short_files_are_shown_over_the_last_sixty_seconds() -> None:
    window = ThroughputWindow()
    steady(window, 0.0, 100, 1.0, 10.0)  # 10/s until 100 s
    steady(window, 100.0, 60, 1.0, 30.0)  # 30/s until 160 s
    shown = window.throughput(160.0)
    assert shown is not None
    assert shown.flops_per_second == pytest.approx(30.0, rel=0.03)


def test_long_files_are_shown_over_the_last_ten() -> None:
    window = ThroughputWindow()
    steady(window, 0.0, 5, 100.0, 100.0)
    steady(window, 500.0, 10, 100.0, 300.0)
    shown = window.throughput(1500.0)
    assert shown is not None
    assert shown.flops_per_second == pytest.approx(3.0)


def test_an_idle_device_is_shown_slowing_down() -> None:
    window = ThroughputWindow()
    steady(window, 0.0, 100, 1.0, 10.0)
    busy, idle = window.throughput(100.0), window.throughput(130.0)
    assert busy is not None
    assert idle is not None
    assert idle.flops_per_second == pytest.approx(busy.flops_per_second / 2, rel=0.05)


def test_nothing_is_shown_before_work_is_done() -> None:
    window = ThroughputWindow()
    assert window.throughput(5.0) is None
    window.file_started(5.0)
    assert window.throughput(6.0) is None


def test_reports_at_one_instant_do_not_divide_by_zero() -> None:
    window = ThroughputWindow()
    window.file_started(5.0)
    window.add(5.0, 1, 1, 1.0)
    assert window.throughput(5.0) is None
    pace = Pace()
    pace.add(1.0, 0.0)
    assert pace.rate is None


def test_the_pace_is_known_from_the_first_batch() -> None:
    pace = Pace()
    pace.add(3.0, 0.1)
    assert pace.rate == pytest.approx(30.0)


@pytest.mark.parametrize("stall", [2.0, 5.0, 60.0])
def test_one_odd_batch_does_not_move_the_pace(stall: float) -> None:
    pace = Pace()
    for _ in range(10):
        pace.add(10.0, 1.0)
    pace.add(10.0, stall)
    pace.add(10.0, 1.0)
    assert pace.rate == pytest.approx(10.0)


@pytest.mark.parametrize("batch_seconds", [0.05, 0.2, 0.5])
def test_a_throttled_device_is_seen_within_six_seconds(batch_seconds: float) -> None:
    pace = Pace()
    elapsed = 0.0
    while elapsed < 60.0:
        pace.add(10.0 * batch_seconds, batch_seconds)
        elapsed += batch_seconds
    throttled_for = 0.0
    while throttled_for < 6.0:
        pace.add(10.0 * batch_seconds, 3 * batch_seconds)
        throttled_for += 3 * batch_seconds
    assert pace.rate == pytest.approx(10.0 / 3)


def test_long_batches_are_believed_after_three() -> None:
    pace = Pace()
    for _ in range(10):
        pace.add(300.0, 30.0)
    for _ in range(3):
        pace.add(300.0, 90.0)
    assert pace.rate == pytest.approx(300.0 / 90.0)


def test_time_without_work_counts_with_the_work_that_follows() -> None:
    pace = Pace()
    pace.add(0.0, 1.0)
    pace.add(10.0, 1.0)
    assert pace.rate == pytest.approx(5.0)


COSTS = st.just(0.0) | st.floats(1, 1e15)


@given(st.lists(st.tuples(st.just(0.0) | st.floats(1, 1e15), st.floats(0, 1e4)), max_size=60))
def test_the_pace_is_positive_whatever_is_reported(reports: list[tuple[float, float]]) -> None:
    pace = Pace()
    for cost, seconds in reports:
        pace.add(cost, seconds)
        assert pace.rate is None or pace.rate > 0


def test_utilisation_is_the_busy_share_of_the_last_seconds() -> None:
    busy = BusyShare()
    for second in range(30):
        busy.add(float(second), float(second))
    assert busy.share() == pytest.approx(1.0)
    for second in range(30, 41):
        busy.add(float(second), 29.0 + (second - 29) * 0.25)
    assert busy.share() == pytest.approx(0.25)


def test_utilisation_is_unknown_before_two_measurements_and_after_a_new_worker() -> None:
    busy = BusyShare()
    assert busy.share() is None
    busy.add(1.0, 50.0)
    assert busy.share() is None
    busy.add(1.0, 50.0)
    assert busy.share() is None
    busy.add(2.0, 51.0)
    assert busy.share() == 1.0
    busy.add(3.0, 0.0)
    assert busy.share() is None


def test_the_scale_of_weights_is_learned_from_the_typical_device() -> None:
    device_pool = DevicePool(specs(1.0, 2.0, 50.0, 3.0))
    assert device_pool.scale is None
    for record, rate in zip(device_pool, (30.0, 60.0, 1.0), strict=False):
        record.pace.add(cost=rate, seconds=1.0)
        device_pool.learn_from(record)
    assert device_pool.scale == pytest.approx(30.0)
    assert device_pool.rate(device_pool["cuda:3"]) == pytest.approx(90.0)


def test_progress_told_twice_is_done_once() -> None:
    assert advanced(Progress(3, 30, 3.0), Progress(2, 30, 3.0)) == Progress(0, 0, 0.0)
