"""How full and how busy a device is, asked from inside its worker.

A sensor that is missing or fails is a value, None, and never an error.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial

import psutil
import pynvml

from tui_balancer.devices.info import DeviceInfo
from tui_balancer.samples import DeviceSample

DeviceMonitor = Callable[[], DeviceSample]
"""Looks at one device once; figures over time are since the look before."""


def open_monitor(device: DeviceInfo, threads: int) -> DeviceMonitor:
    """Return the monitor for a device.

    Args:
        device: As `discovery.describe` returned it.
        threads: CPU threads that this process computes with.
    """
    if device.device.startswith("cuda"):
        return partial(_card_sample, device, nvml_handle(device.uuid))
    if device.device == "mps":
        return partial(_mps_sample, device)
    process = psutil.Process()
    # The first answer is the share since the call before, so make one.
    process.cpu_percent()
    return partial(_processor_sample, device, process, threads)


def _card_sample(device: DeviceInfo, handle: object | None) -> DeviceSample:
    """Return memory as torch tells it, and NVML's utilisation and memory of this process."""
    import torch

    utilisation = nvml_utilisation(handle)
    own = nvml_process_memory(handle)
    try:
        free, total = torch.cuda.mem_get_info(device.device)
        if own is None:
            own = torch.cuda.memory_reserved(device.device)
    except RuntimeError:
        return DeviceSample(None, device.memory_total, utilisation, own)
    return DeviceSample(total - free, total, utilisation, own)


def _mps_sample(device: DeviceInfo) -> DeviceSample:
    """Return the memory of an Apple GPU, which tells nothing else."""
    import torch

    return DeviceSample(torch.mps.driver_allocated_memory(), device.memory_total)


def _processor_sample(device: DeviceInfo, process: psutil.Process, threads: int) -> DeviceSample:
    """Return what this process takes of the cores, which it shares with the other workers."""
    share = process.cpu_percent() / 100 / threads
    return DeviceSample(process.memory_info().rss, device.memory_total, min(1.0, share))


def nvml_handle(uuid: str | None) -> object | None:
    """Return NVML's handle of a card, by its UUID: torch's numbers may differ from NVML's."""
    if uuid is None:
        return None
    try:
        pynvml.nvmlInit()
        handle: object = pynvml.nvmlDeviceGetHandleByUUID(uuid)
    except pynvml.NVMLError:
        return None
    return handle


def nvml_utilisation(handle: object | None) -> float | None:
    """Return the share of the last moments in which a kernel ran on a card, in [0, 1]."""
    if handle is None:
        return None
    try:
        return float(pynvml.nvmlDeviceGetUtilizationRates(handle).gpu) / 100
    except pynvml.NVMLError:
        return None


def nvml_process_memory(handle: object | None) -> int | None:
    """Return the bytes of a card that this process has.

    None where the driver does not tell, or knows the process by another number, as in a container.
    """
    if handle is None:
        return None
    try:
        processes = pynvml.nvmlDeviceGetComputeRunningProcesses(handle)
    except pynvml.NVMLError:
        return None
    mine = (one.usedGpuMemory for one in processes if one.pid == os.getpid())
    return next((int(used) for used in mine if used is not None), None)
