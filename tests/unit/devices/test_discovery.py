"""What torch sees, on machines with cards, with MPS, and with neither."""

from __future__ import annotations

from types import SimpleNamespace

import pynvml
import pytest
import torch

from tui_balancer.devices.discovery import describe, discover, unusable_gpus
from tui_balancer.devices.info import DeviceInfo
from tui_balancer.devices.processor import describe_processor

CARDS = {
    "cuda:0": SimpleNamespace(
        name="NVIDIA A100-SXM4-80GB", total_memory=85, uuid="12-ab", major=8, minor=0
    ),
    "cuda:1": SimpleNamespace(
        name="NVIDIA A100-SXM4-80GB MIG 1g.10gb", total_memory=9, uuid="c", major=8, minor=0
    ),
    "cuda:2": SimpleNamespace(name="Tesla V100-SXM2-16GB", total_memory=17, major=7, minor=0),
}


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """A machine with a processor and nothing else."""
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    return monkeypatch


def test_a_machine_without_gpus_has_its_processor(machine: pytest.MonkeyPatch) -> None:
    assert discover() == (describe_processor(),)


def test_cards_come_first_with_their_capabilities_and_the_uuids_that_nvml_knows(
    machine: pytest.MonkeyPatch,
) -> None:
    machine.setattr(torch.cuda, "device_count", lambda: len(CARDS))
    machine.setattr(torch.cuda, "get_device_properties", CARDS.__getitem__)

    assert discover() == (
        DeviceInfo("cuda:0", "NVIDIA A100-SXM4-80GB", 85, "GPU-12-ab", (8, 0)),
        DeviceInfo("cuda:1", "NVIDIA A100-SXM4-80GB MIG 1g.10gb", 9, "MIG-c", (8, 0)),
        DeviceInfo("cuda:2", "Tesla V100-SXM2-16GB", 17, None, (7, 0)),
        describe_processor(),
    )


def test_slices_take_the_place_of_the_one_that_torch_sees(machine: pytest.MonkeyPatch) -> None:
    half = DeviceInfo("cuda:0", "NVIDIA A100 MIG 3g.20gb", 20, "MIG-a", (8, 0), "MIG-a")
    machine.setattr(torch.cuda, "device_count", lambda: 1)
    machine.setattr("tui_balancer.devices.discovery.sliced_cards", lambda: (half,))

    assert discover() == (half, describe_processor())


def test_mps_stands_before_the_processor(machine: pytest.MonkeyPatch) -> None:
    machine.setattr(torch.backends.mps, "is_available", lambda: True)
    machine.setattr(torch.mps, "recommended_max_memory", lambda: 12)
    mps, processor = discover()

    assert mps == DeviceInfo("mps", f"{processor.name} GPU", 12)


def test_every_cpu_worker_is_on_the_processor() -> None:
    assert describe("cpu:3") == describe_processor()


def test_cards_that_torch_cannot_use_are_told_of(machine: pytest.MonkeyPatch) -> None:
    machine.setattr(pynvml, "nvmlInit", lambda: None)
    machine.setattr(pynvml, "nvmlDeviceGetCount", lambda: 2)

    assert "2 NVIDIA GPUs, but torch" in unusable_gpus()


def test_without_a_driver_there_is_nothing_to_tell(machine: pytest.MonkeyPatch) -> None:
    def missing() -> None:
        raise pynvml.NVMLError(pynvml.NVML_ERROR_LIBRARY_NOT_FOUND)

    machine.setattr(pynvml, "nvmlInit", missing)

    assert unusable_gpus() == ""


def test_cards_that_torch_uses_are_no_matter(machine: pytest.MonkeyPatch) -> None:
    machine.setattr(torch.cuda, "device_count", lambda: 1)
    machine.setattr(pynvml, "nvmlInit", lambda: None)
    machine.setattr(pynvml, "nvmlDeviceGetCount", lambda: 1)

    assert unusable_gpus() == ""
