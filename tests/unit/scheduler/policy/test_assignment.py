"""The first distribution follows the specification's rule, to the letter and to the tie."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tests.support.balance import specs, unit, units
from tui_balancer.scheduler.model import DeviceSpec, Unit
from tui_balancer.scheduler.policy.assignment import assign_files_evenly, assign_files_weighted


def by_the_letter(files: list[Unit], devices: list[DeviceSpec]) -> dict[str, list[Unit]]:
    """Costliest first, each onto the device with the least load / weight, faster ones first."""
    queues: dict[str, list[Unit]] = {spec.device: [] for spec in devices}
    loads = {spec.device: 0.0 for spec in devices}
    for file in sorted(files, key=lambda one: one.cost, reverse=True):
        target = min(devices, key=lambda spec: (loads[spec.device] / spec.weight, -spec.weight))
        queues[target.device].append(file)
        loads[target.device] += file.cost
    return queues


@given(
    costs=st.lists(st.integers(0, 40), max_size=60),
    weights=st.lists(st.sampled_from([0.05, 0.75, 1.0, 1.2, 2.5]), min_size=1, max_size=6),
)
def test_assignment_is_weighted_greedy_bin_packing(costs: list[int], weights: list[float]) -> None:
    files = units(*map(float, costs))
    assigned = assign_files_weighted(files, specs(*weights))
    assert {device: list(queue) for device, queue in assigned.items()} == by_the_letter(
        files, specs(*weights)
    )


def test_the_order_of_input_does_not_change_the_queues() -> None:
    files = [unit(index, float(index % 5)) for index in range(20)]
    devices = specs(1.0, 2.0, 0.5)
    assert assign_files_weighted(files, devices) == assign_files_weighted(files[::-1], devices)


def test_a_device_without_files_has_an_empty_queue() -> None:
    assert assign_files_weighted(units(3.0), specs(1.0, 1.0)) == {
        "cuda:0": (unit(0, 3.0),),
        "cuda:1": (),
    }


def test_the_largest_file_starts_on_the_fastest_device() -> None:
    assigned = assign_files_weighted(units(1.0, 9.0, 5.0), specs(0.75, 1.2, 2.5))
    assert [one.cost for one in assigned["cuda:2"]] == [9.0]


def test_few_files_are_exchanged_until_the_last_device_cannot_end_sooner() -> None:
    files = units(7.0, 6.0, 5.0, 4.0, 4.0)
    devices = specs(1.0, 1.0)
    greedy, even = assign_files_weighted(files, devices), assign_files_evenly(files, devices)
    assert max(sum(one.cost for one in queue) for queue in greedy.values()) == 15.0
    assert max(sum(one.cost for one in queue) for queue in even.values()) == 13.0
    assert all(
        [one.cost for one in queue] == sorted((one.cost for one in queue), reverse=True)
        for queue in even.values()
    )
    assert sorted(one.unit_id for queue in even.values() for one in queue) == [0, 1, 2, 3, 4]
