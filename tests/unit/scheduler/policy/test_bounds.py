"""Bounds are below every schedule, and reach the optimum where they claim to."""

from __future__ import annotations

from itertools import product
from math import inf

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import Bounds, LinearConstraint, milp

from tests.support.bounds import whole_file_bound
from tui_balancer.scheduler.policy.bounds import (
    Speed,
    fluid_bound,
    fluid_efficiency,
)

RATES = st.lists(st.sampled_from([0.5, 1.0, 2.0, 3.0]), min_size=1, max_size=3)
COSTS = st.lists(st.integers(1, 30).map(float), min_size=1, max_size=6)


def best_of_all(costs: list[float], rates: list[float]) -> float:
    """Try every distribution of whole files."""
    return min(
        max(
            sum(cost for cost, owner in zip(costs, owners, strict=True) if owner == device) / rate
            for device, rate in enumerate(rates)
        )
        for owners in product(range(len(rates)), repeat=len(costs))
    )


def optimum(costs: list[float], rates: list[float]) -> float:
    """Solve Q||Cmax as a mixed-integer program: x[i, j] = file j on device i, then T."""
    devices, files = len(rates), len(costs)
    each_file_once = np.hstack([np.tile(np.eye(files), devices), np.zeros((files, 1))])
    within_t = np.hstack(
        [np.kron(np.eye(devices), costs), -np.array(rates, dtype=float).reshape(-1, 1)]
    )
    solution = milp(
        c=np.append(np.zeros(devices * files), 1.0),
        constraints=[
            LinearConstraint(each_file_once, 1, 1),
            LinearConstraint(within_t, -inf, 0),
        ],
        integrality=np.append(np.ones(devices * files), 0),
        bounds=Bounds(0, np.append(np.ones(devices * files), inf)),
    )
    assert solution.success
    return float(solution.fun)


@given(costs=COSTS, rates=RATES)
def test_no_distribution_of_whole_files_beats_the_bound(
    costs: list[float], rates: list[float]
) -> None:
    assert whole_file_bound(costs, rates) <= best_of_all(costs, rates) * (1 + 1e-9)


@given(costs=COSTS, rates=RATES)
def test_whole_files_never_end_before_poured_ones(costs: list[float], rates: list[float]) -> None:
    fluid = fluid_bound(costs, [Speed.steady(rate) for rate in rates])
    assert fluid <= whole_file_bound(costs, rates) * (1 + 1e-9)


@pytest.mark.parametrize(
    ("costs", "rates", "bound"),
    [
        ([10, 10], [1.0, 1.0], 10.0),
        ([30], [1.0, 2.0], 15.0),  # one file runs on one device
        ([10, 10, 10], [1.0, 1.0], 20.0),  # pigeonhole: one device gets two of three
        ([8, 8, 8, 8], [3.0, 1.0], 8.0),  # three on the fast one and one on the slow one
        ([30, 20], [2.0, 1.0], 20.0),
    ],
)
def test_the_bound_is_the_optimum_where_it_is_known(
    costs: list[float], rates: list[float], bound: float
) -> None:
    assert whole_file_bound(costs, rates) == pytest.approx(bound)


def test_the_program_finds_what_trying_everything_finds() -> None:
    costs, rates = [7.0, 5.0, 5.0, 3.0, 2.0], [2.0, 1.0]
    assert optimum(costs, rates) == pytest.approx(best_of_all(costs, rates))


@pytest.mark.parametrize("seed", range(4))
def test_the_bound_is_tight_for_a_dozen_files(seed: int) -> None:
    rng = np.random.default_rng(seed)
    costs, rates = [*rng.lognormal(0, 0.5, 14)], [3.0, 2.0, 1.0]
    best = optimum(costs, rates)
    assert 0.97 * best <= whole_file_bound(costs, rates) <= best * (1 + 1e-6)


def test_a_changing_speed_is_integrated() -> None:
    speed = Speed(((0.0, 4.0), (10.0, 1.0), (20.0, 2.0)))
    assert speed.finish(0.0, 40.0) == 10.0
    assert speed.finish(0.0, 45.0) == 15.0
    assert speed.finish(5.0, 40.0) == 25.0
    assert speed.work(5.0, 25.0) == 40.0
    assert Speed(((0.0, 1.0), (5.0, 0.0))).finish(0.0, 6.0) == inf
    assert Speed(((0.0, 0.0), (5.0, 2.0))).finish(0.0, 6.0) == 8.0


@given(
    rates=st.lists(st.floats(0.1, 5), min_size=1, max_size=4),
    start=st.floats(0, 50),
    cost=st.floats(0.1, 200),
)
def test_the_work_done_until_the_finish_is_the_cost(
    rates: list[float], start: float, cost: float
) -> None:
    speed = Speed(tuple((10.0 * index, rate) for index, rate in enumerate(rates)))
    assert speed.work(start, speed.finish(start, cost)) == pytest.approx(cost)


def test_the_fluid_bound_follows_a_throttled_device() -> None:
    speeds = [Speed(((0.0, 3.0), (10.0, 1.0))), Speed.steady(1.0)]
    assert fluid_bound([40.0], speeds) == pytest.approx(10.0)
    assert fluid_bound([30.0, 30.0], speeds) == pytest.approx(20.0)


@given(
    work=st.lists(st.tuples(st.floats(0.1, 50), st.floats(0.1, 5)), min_size=1, max_size=4),
    seconds=st.floats(0.1, 100),
)
def test_the_efficiency_is_the_fluid_bound_at_the_shown_speeds_over_the_time(
    work: list[tuple[float, float]], seconds: float
) -> None:
    done = [(cost, cost / rate) for cost, rate in work]
    bound = fluid_bound([cost for cost, _ in work], [Speed.steady(rate) for _, rate in work])
    idle = [(0.0, 0.0)]
    assert fluid_efficiency(done + idle, seconds) == pytest.approx(min(1.0, bound / seconds))
    assert fluid_efficiency(idle, seconds) is None
    assert fluid_efficiency(done, 0.0) is None
