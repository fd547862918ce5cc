"""What `--devices` and the CPU options mean on machines of different kinds."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tui_balancer.devices.info import DeviceInfo
from tui_balancer.devices.selection import (
    DeviceRequest,
    ProcessorShares,
    parse_devices,
    select_devices,
)
from tui_balancer.errors import UserError

GIB = 1 << 30
CPU = DeviceInfo("cpu", "AMD EPYC 7763", 256 * GIB)
MPS = DeviceInfo("mps", "Apple M2 GPU", 16 * GIB)
CARDS = tuple(
    DeviceInfo(f"cuda:{index}", f"card {index}", 24 * GIB, f"GPU-{index}") for index in range(2)
)
NODE, MAC, LAPTOP = (*CARDS, CPU), (MPS, CPU), (CPU,)
SHARES = ProcessorShares(workers=None, threads=None, cores=8, memory=64 * GIB, worker_bytes=GIB)


def chosen(text: str, found: tuple[DeviceInfo, ...], shares: ProcessorShares = SHARES) -> list[str]:
    return [one.device for one in select_devices(parse_devices(text), found, shares)]


def threads(text: str, found: tuple[DeviceInfo, ...], shares: ProcessorShares) -> list[int]:
    return [one.threads for one in select_devices(parse_devices(text), found, shares)]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("auto", ("auto",)),
        ("cuda", ("cuda",)),
        (" CUDA:0 , cuda:02,cuda:0", ("cuda:0", "cuda:2")),
        ("cuda,cpu", ("cuda", "cpu")),
        ("cuda:00/01,CUDA:0/1", ("cuda:0/1",)),
    ],
)
def test_a_list_is_read_whatever_its_case_spaces_and_repetitions(
    text: str, names: tuple[str, ...]
) -> None:
    assert parse_devices(text) == DeviceRequest(names)


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        ("gpu", "unknown device 'gpu'"),
        ("", "unknown device ''"),
        ("cuda:0,", "unknown device ''"),
        ("cuda:-1", "unknown device 'cuda:-1'"),
        ("cuda:0/", "unknown device 'cuda:0/'"),
        ("cuda:0/a", "unknown device 'cuda:0/a'"),
        ("cuda/1", "unknown device 'cuda/1'"),
        ("cuda:0/64", "^cuda:0/64: a card has at most 64 workers"),
        ("auto,cpu", "auto stands alone"),
        ("cpu:0", "--cpu-workers"),
    ],
)
def test_what_is_no_device_is_refused_with_advice(text: str, advice: str) -> None:
    with pytest.raises(UserError, match=advice):
        parse_devices(text)


@pytest.mark.parametrize(
    ("found", "devices"),
    [
        (NODE, ["cuda:0", "cuda:1"]),
        (MAC, ["mps"]),
        (LAPTOP, [f"cpu:{index}" for index in range(8)]),
    ],
)
def test_auto_takes_the_cards_else_mps_else_the_cores(
    found: tuple[DeviceInfo, ...], devices: list[str]
) -> None:
    assert chosen("auto", found) == devices


def test_a_chosen_device_keeps_its_name_and_memory() -> None:
    card, *_, worker = select_devices(parse_devices("cuda:1,cpu"), NODE, SHARES)

    assert (card.device, card.name, card.memory_total) == ("cuda:1", "card 1", 24 * GIB)
    assert (worker.name, worker.memory_total) == (CPU.name, CPU.memory_total)


def test_devices_come_in_the_machines_order_each_once() -> None:
    assert chosen("cuda:1,cuda", NODE) == ["cuda:0", "cuda:1"]
    assert chosen("cuda:1,cuda:0", NODE) == ["cuda:0", "cuda:1"]


def test_workers_of_a_card_are_selected_by_their_names_and_leave_one_core_together() -> None:
    assert chosen("cuda:1,cuda:0/10,cuda:0/2,cpu", NODE) == [
        *("cuda:0/2", "cuda:0/10", "cuda:1"),
        *(f"cpu:{n}" for n in range(6)),
    ]
    (worker,) = select_devices(parse_devices("cuda:1/3"), NODE, SHARES)
    assert (worker.name, worker.uuid) == ("card 1", "GPU-1")


def test_cards_keep_a_core_each_and_the_processor_comes_last() -> None:
    assert chosen("cpu,cuda", NODE) == ["cuda:0", "cuda:1", *(f"cpu:{n}" for n in range(6))]


def test_auto_takes_the_processor_along_when_its_workers_are_counted() -> None:
    assert chosen("auto", NODE, replace(SHARES, workers=1)) == ["cuda:0", "cuda:1", "cpu:0"]


@pytest.mark.parametrize(
    ("text", "found", "reason"),
    [
        ("cuda:3/1", NODE, r"cuda:3/1: this machine has 2 CUDA devices"),
        ("cuda:3", NODE, r"cuda:3: this machine has 2 CUDA devices \(cuda:0, cuda:1\)"),
        ("cuda:1", (CARDS[0], CPU), r"has 1 CUDA device \(cuda:0\)"),
        ("cuda", LAPTOP, "torch finds no CUDA device"),
        ("cpu,mps", LAPTOP, "no Apple GPU"),
    ],
)
def test_what_is_not_there_is_named_beside_what_is(
    text: str, found: tuple[DeviceInfo, ...], reason: str
) -> None:
    with pytest.raises(UserError, match=reason):
        select_devices(parse_devices(text), found, SHARES)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, [1] * 8),
        ({"workers": 2}, [4, 4]),
        ({"workers": 3}, [2, 2, 2]),
        ({"workers": 16}, [1] * 16),
        ({"threads": 4}, [4, 4]),
        ({"threads": 16}, [16]),
        ({"workers": 2, "threads": 1}, [1, 1]),
        ({"memory": 3 * GIB}, [2, 2, 2]),
        ({"memory": GIB // 2}, [8]),
        ({"memory": 0, "workers": 2}, [4, 4]),
    ],
)
def test_the_cores_are_shared_out_as_far_as_memory_and_the_person_allow(
    changes: dict[str, int], expected: list[int]
) -> None:
    shares = replace(SHARES, **changes)

    assert threads("cpu", LAPTOP, shares) == expected


def test_cpu_workers_beside_devices_without_the_cpu_are_refused() -> None:
    with pytest.raises(UserError, match="--devices cuda,cpu"):
        select_devices(parse_devices("cuda"), NODE, replace(SHARES, workers=2))
