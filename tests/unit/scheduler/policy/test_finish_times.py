"""What is kept up to date device by device is what looking at all devices would say."""

from __future__ import annotations

import random

import pytest

from tests.support.balance import Bench
from tui_balancer.scheduler.model import Lease
from tui_balancer.scheduler.policy.finish_times import TOLERANCE, FinishTimes


@pytest.mark.parametrize("seed", range(20))
def test_the_even_end_kept_up_to_date_is_the_one_worked_out_anew(seed: int) -> None:
    rng = random.Random(seed)
    devices = rng.randint(2, 6)
    bench = Bench(
        [rng.uniform(0.5, 4) for _ in range(devices)],
        [rng.lognormvariate(3, 1) for _ in range(40)],
    )
    state = bench.coordinator._state
    kept = state.balancer.finish_times
    running: dict[str, tuple[Lease, float]] = {}
    while not bench.coordinator.over:
        bench.clock.now += rng.uniform(0, 0.2)
        device = rng.choice(list(bench.incarnations))
        if device not in running:
            lease = bench.take(device)
            if lease is not None:
                running[device] = lease, 0.0
        else:
            lease, share = running.pop(device)
            share += rng.uniform(0.05, 0.6)
            if share >= 1:
                assert bench.finish(lease)
            else:
                bench.progress(lease, share)
                running[device] = lease, share
        if bench.coordinator.over:
            return
        now = bench.clock.now
        kept.note(state.device_pool[device], now)
        anew = FinishTimes(state.device_pool).even_end(now)
        assert kept.even_end(now) == pytest.approx(anew, rel=TOLERANCE)


class Refusal:
    """Two devices deep in large files with another one waiting, and a third that asks."""

    def __init__(self) -> None:
        self.bench = Bench([1.0, 1.0, 1.0], [50.0, 49.0, 48.0, 47.0, 46.0, 45.0])
        self.leases = {}
        for device in ("cuda:0", "cuda:1"):
            self.leases[device] = self.bench.must_take(device)
        self.bench.clock.now += 1.0
        for lease in self.leases.values():
            self.bench.progress(lease, 0.02)
        self.state = self.bench.coordinator._state
        self.state.balancer.forget()

    def shown(self, thief: str) -> list[str]:
        """Return whom a thief that wants nothing is shown."""
        finish_times, record = self.state.balancer.finish_times, self.state.device_pool[thief]
        return [victim.device for victim in finish_times.victims(record, self.bench.clock.now)]


def test_a_thief_that_found_nothing_is_not_shown_the_same_victims_again() -> None:
    scene = Refusal()
    assert set(scene.shown("cuda:2")) == {"cuda:0", "cuda:1"}
    assert scene.shown("cuda:2") == []


def test_a_victim_that_was_refused_is_shown_again_once_it_has_fallen_behind() -> None:
    scene = Refusal()
    scene.shown("cuda:2")
    scene.bench.clock.now += 30.0
    scene.bench.progress(scene.leases["cuda:1"], 0.04)
    assert scene.shown("cuda:2") == ["cuda:1"]


def test_a_victim_that_was_refused_is_shown_to_a_faster_thief() -> None:
    scene = Refusal()
    scene.shown("cuda:2")
    scene.state.device_pool["cuda:2"].pace.add(cost=50.0, seconds=1.0)
    assert set(scene.shown("cuda:2")) == {"cuda:0", "cuda:1"}
