"""Devices that join a run after it began, and those that go and come back without blame."""

from __future__ import annotations

from tests.support.balance import Bench
from tui_balancer.scheduler.commands import PauseDevice
from tui_balancer.scheduler.events import ReturnEvent
from tui_balancer.scheduler.model import DeviceSpec


def test_a_device_that_joins_late_steals() -> None:
    bench = Bench(weights=(1.0,), costs=[9e9, 8e9, 7e9])
    bench.must_take("cuda:0")
    bench.coordinator.add_device(DeviceSpec("node/cuda:9", "card", 1.0, rate=1e9))
    incarnation = bench.coordinator.worker_starting("node/cuda:9")
    bench.coordinator.worker_ready("node/cuda:9", incarnation)
    bench.coordinator.execute(PauseDevice("cuda:0"))
    assert bench.coordinator.take("node/cuda:9", incarnation) is not None


def test_a_lost_device_gives_its_lease_back_uncharged_and_leaves_its_queue_to_others() -> None:
    bench = Bench(costs=[9, 8, 7, 6])
    lease = bench.must_take("cuda:0")
    assert not bench.coordinator.device_lost("cuda:0", "not needed", idle_only=True)
    assert bench.coordinator.device_lost("cuda:0", "its node is gone")
    returned = next(event for event in bench.journal if isinstance(event, ReturnEvent))
    assert (returned.unit_id, returned.charged) == (lease.unit.unit_id, False)
    taken = []
    while (next_one := bench.take("cuda:1")) is not None:
        taken.append(next_one.unit.unit_id)
        bench.finish(next_one)
    assert sorted(taken) == [0, 1, 2, 3]
    assert not bench.coordinator.device_lost("cuda:0", "once more")


def test_a_lost_device_comes_back_but_one_that_was_given_up_does_not() -> None:
    bench = Bench(costs=[9, 8, 7, 6])
    bench.coordinator.device_lost("cuda:0", "its node is gone")
    assert bench.coordinator.device_back("cuda:0")
    bench.incarnations["cuda:0"] = bench.coordinator.worker_starting("cuda:0")
    bench.coordinator.worker_ready("cuda:0", 2)
    assert bench.take("cuda:0") is not None
    while bench.die("cuda:1"):
        pass
    assert not bench.coordinator.device_back("cuda:1")
