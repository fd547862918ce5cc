"""Several workers on a card: which names they get, and how its memory is divided."""

from __future__ import annotations

import pytest

from tui_balancer.devices.info import DeviceInfo, local_device
from tui_balancer.devices.selection import ProcessorShares, parse_devices, select_devices
from tui_balancer.devices.sharing import CONTEXT_BYTES, memory_share, with_workers

GIB = 1 << 30
CARDS = tuple(DeviceInfo(f"cuda:{n}", f"card {n}", 24 * GIB, f"GPU-{n}") for n in range(2))
MACHINE = (*CARDS, DeviceInfo("cpu", "EPYC", 64 * GIB))
SHARES = ProcessorShares(workers=None, threads=None, cores=4, memory=64 * GIB, worker_bytes=GIB)


@pytest.mark.parametrize(
    ("asked", "workers", "devices"),
    [
        ("cuda:0", 1, ["cuda:0"]),
        ("cuda:0", 2, ["cuda:0/0", "cuda:0/1"]),
        ("cuda", 2, ["cuda:0/0", "cuda:0/1", "cuda:1/0", "cuda:1/1"]),
        ("cuda:1,cpu", 3, ["cuda:1/0", "cuda:1/1", "cuda:1/2", "cpu:0", "cpu:1", "cpu:2"]),
        ("cpu", 4, ["cpu:0", "cpu:1", "cpu:2", "cpu:3"]),
        ("cuda:0/1", 1, ["cuda:0/1"]),
        ("cuda:0/1,cuda:1", 2, ["cuda:0/1", "cuda:1/0", "cuda:1/1"]),
        ("cuda:0,cuda:0/1", 1, ["cuda:0/0", "cuda:0/1"]),
        ("cuda:0,cuda:0/0", 1, ["cuda:0/0"]),
        ("cuda:0/3,cuda:0", 2, ["cuda:0/0", "cuda:0/1", "cuda:0/3"]),
    ],
)
def test_workers_are_named_by_card_and_slot(asked: str, workers: int, devices: list[str]) -> None:
    selected = select_devices(parse_devices(asked), MACHINE, SHARES)
    shared = with_workers(selected, lambda _: workers)
    assert [one.device for one in shared] == devices
    for one in shared:
        assert one.kind == "cpu" or one.name == f"card {one.device[5]}"


def test_each_card_can_have_its_own_number() -> None:
    selected = select_devices(parse_devices("cuda"), MACHINE, SHARES)
    shared = with_workers(selected, {one: n for n, one in enumerate(selected, 1)}.__getitem__)
    assert [one.device for one in shared] == ["cuda:0", "cuda:1/0", "cuda:1/1"]


@pytest.mark.parametrize(
    ("device", "visible", "place"),
    [
        ("cuda:1", "", "cuda:1"),
        ("cuda:1/3", "", "cuda:1"),
        ("cuda:1/3", "MIG-a", "cuda:0"),
        ("cpu:2", "", "cpu:2"),
        ("mps", "", "mps"),
    ],
)
def test_torch_never_hears_of_slots(device: str, visible: str, place: str) -> None:
    assert local_device(device, visible) == place


@pytest.mark.parametrize("workers", [2, 3, 8])
def test_all_workers_with_their_contexts_fit_into_the_card(workers: int) -> None:
    share = memory_share(24 * GIB, workers)
    assert workers * (share * 24 * GIB + CONTEXT_BYTES) == pytest.approx(24 * GIB, rel=1e-6)


def test_a_worker_alone_has_the_whole_card_and_an_unknown_one_is_divided() -> None:
    assert memory_share(24 * GIB, 1) == memory_share(None, 1) == 1.0
    assert memory_share(None, 4) == 0.25
    assert 0 < memory_share(CONTEXT_BYTES, 64) < 1e-6
