"""Sensors that answer, fail or are not there; NVML and CUDA are replaced at their boundary."""

from __future__ import annotations

import os
from types import SimpleNamespace

import psutil
import pynvml
import pytest
import torch

from tui_balancer.devices.info import DeviceInfo
from tui_balancer.devices.monitoring import (
    nvml_handle,
    nvml_process_memory,
    nvml_utilisation,
    open_monitor,
)
from tui_balancer.samples import DeviceSample

GIB = 1 << 30
CARD = DeviceInfo("cuda:1", "NVIDIA A100-SXM4-80GB", 80 * GIB, "GPU-1234")


def fail(*_: object) -> None:
    raise pynvml.NVMLError(pynvml.NVML_ERROR_NOT_SUPPORTED)


@pytest.fixture
def nvml(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """A driver with one card, `GPU-1234`, 37 % busy."""
    monkeypatch.setattr(pynvml, "nvmlInit", lambda: None)
    monkeypatch.setattr(
        pynvml,
        "nvmlDeviceGetHandleByUUID",
        lambda uuid: f"handle of {uuid}" if uuid == "GPU-1234" else fail(),
    )
    monkeypatch.setattr(
        pynvml,
        "nvmlDeviceGetUtilizationRates",
        lambda handle: SimpleNamespace(gpu={"handle of GPU-1234": 37}[handle], memory=5),
    )
    processes = [(os.getpid() + 1, 5 * GIB), (os.getpid(), 2 * GIB)]
    monkeypatch.setattr(
        pynvml,
        "nvmlDeviceGetComputeRunningProcesses",
        lambda handle: [SimpleNamespace(pid=pid, usedGpuMemory=used) for pid, used in processes],
    )
    return monkeypatch


def test_a_card_is_found_by_its_uuid_and_tells_its_utilisation(nvml: pytest.MonkeyPatch) -> None:
    assert nvml_utilisation(nvml_handle("GPU-1234")) == 0.37


@pytest.mark.parametrize("uuid", ["GPU-other", None])
def test_a_card_that_nvml_does_not_know_tells_nothing(
    nvml: pytest.MonkeyPatch, uuid: str | None
) -> None:
    assert nvml_utilisation(nvml_handle(uuid)) is None


@pytest.mark.parametrize(
    "call", ["nvmlInit", "nvmlDeviceGetHandleByUUID", "nvmlDeviceGetUtilizationRates"]
)
def test_a_driver_that_fails_is_a_missing_value(nvml: pytest.MonkeyPatch, call: str) -> None:
    nvml.setattr(pynvml, call, fail)

    assert nvml_utilisation(nvml_handle("GPU-1234")) is None


def test_a_card_tells_the_memory_in_use_by_whomever(nvml: pytest.MonkeyPatch) -> None:
    asked = []

    def mem_get_info(device: str) -> tuple[int, int]:
        asked.append(device)
        return 60 * GIB, 79 * GIB

    nvml.setattr(torch.cuda, "mem_get_info", mem_get_info)

    assert open_monitor(CARD, threads=1)() == DeviceSample(19 * GIB, 79 * GIB, 0.37, 2 * GIB)
    assert asked == ["cuda:1"]


def test_a_card_whose_memory_cannot_be_asked_keeps_its_other_figures(
    nvml: pytest.MonkeyPatch,
) -> None:
    def mem_get_info(device: str) -> tuple[int, int]:
        raise RuntimeError("CUDA error: unspecified launch failure")

    nvml.setattr(torch.cuda, "mem_get_info", mem_get_info)

    assert open_monitor(CARD, threads=1)() == DeviceSample(None, 80 * GIB, 0.37, 2 * GIB)


@pytest.mark.parametrize(
    "told",
    [
        fail,
        lambda handle: [],
        lambda handle: [SimpleNamespace(pid=os.getpid(), usedGpuMemory=None)],
    ],
    ids=["it fails", "it knows other numbers of processes", "it does not know the memory"],
)
def test_a_driver_that_does_not_tell_a_process_s_memory_leaves_it_to_torch(
    nvml: pytest.MonkeyPatch, told: object
) -> None:
    nvml.setattr(pynvml, "nvmlDeviceGetComputeRunningProcesses", told)
    nvml.setattr(torch.cuda, "mem_get_info", lambda device: (60 * GIB, 79 * GIB))
    nvml.setattr(torch.cuda, "memory_reserved", {"cuda:1": 3 * GIB}.__getitem__)

    assert nvml_process_memory(nvml_handle("GPU-1234")) is None
    assert open_monitor(CARD, threads=1)().process_memory == 3 * GIB


def test_mps_tells_its_memory_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.mps, "driver_allocated_memory", lambda: 3 * GIB)
    monitor = open_monitor(DeviceInfo("mps", "Apple M2 GPU", 16 * GIB), threads=1)

    assert monitor() == DeviceSample(3 * GIB, 16 * GIB, None)


@pytest.mark.parametrize(("percent", "share"), [(150.0, 0.75), (230.0, 1.0), (0.0, 0.0)])
def test_the_processors_share_is_of_the_threads_that_compute(
    monkeypatch: pytest.MonkeyPatch, percent: float, share: float
) -> None:
    monkeypatch.setattr(psutil.Process, "cpu_percent", lambda self: percent)
    monitor = open_monitor(DeviceInfo("cpu", "AMD EPYC", 256 * GIB), threads=2)
    sample = monitor()

    assert sample.sensor_utilisation == share
    assert sample.memory_total == 256 * GIB


def test_the_processors_memory_is_this_processs(monkeypatch: pytest.MonkeyPatch) -> None:
    sample = open_monitor(DeviceInfo("cpu", "AMD EPYC", 256 * GIB), threads=1)()

    assert sample.memory_used is not None
    assert 0.5 < sample.memory_used / psutil.Process(os.getpid()).memory_info().rss < 2
