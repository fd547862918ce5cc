"""How full and how busy a device is, asked from inside its worker.

A sensor that is missing or fails is a value, None, and never an error.
"""

from __future__ import annotations

from typing import Protocol

import psutil
import pynvml

from tui_balancer.devices.info import DeviceInfo
from tui_balancer.samples import DeviceSample


class DeviceMonitor(Protocol):
    """Looks at one device."""

    def sample(self) -> DeviceSample:
        """Look once; figures over time are since the look before."""


def open_monitor(device: DeviceInfo, threads: int) -> DeviceMonitor:
    """Return the monitor for a device.

    Args:
        device: As `discovery.describe` returned it.
        threads: CPU threads that this process computes with.
    """
    if device.device.startswith("cuda"):
        return CudaMonitor(device)
    if device.device == "mps":
        return MpsMonitor(device)
    return ProcessorMonitor(device, threads)


class CudaMonitor:
    """Memory from torch, utilisation from NVML."""

    def __init__(self, device: DeviceInfo) -> None:
        self._device = device
        self._sensor = NvmlSensor(device.uuid)

    def sample(self) -> DeviceSample:
        """See `DeviceMonitor.sample`."""
        import torch

        utilisation = self._sensor.utilisation()
        try:
            free, total = torch.cuda.mem_get_info(self._device.device)
        except RuntimeError:
            return DeviceSample(None, self._device.memory_total, utilisation)
        return DeviceSample(total - free, total, utilisation)


class MpsMonitor:
    """Apple's GPUs tell their memory only."""

    def __init__(self, device: DeviceInfo) -> None:
        self._device = device

    def sample(self) -> DeviceSample:
        """See `DeviceMonitor.sample`."""
        import torch

        return DeviceSample(torch.mps.driver_allocated_memory(), self._device.memory_total)


class ProcessorMonitor:
    """This process, which has the processor's cores to share with the other workers."""

    def __init__(self, device: DeviceInfo, threads: int) -> None:
        self._device = device
        self._threads = threads
        self._process = psutil.Process()
        # The first answer is the share since the call before, so make one.
        self._process.cpu_percent()

    def sample(self) -> DeviceSample:
        """See `DeviceMonitor.sample`."""
        share = self._process.cpu_percent() / 100 / self._threads
        memory = self._process.memory_info().rss
        return DeviceSample(memory, self._device.memory_total, min(1.0, share))


class NvmlSensor:
    """NVML's utilisation of one card, found by its UUID: torch's numbers may differ from NVML's."""

    def __init__(self, uuid: str | None) -> None:
        self._handle: object | None = None
        if uuid is None:
            return
        try:
            pynvml.nvmlInit()
            self._handle = pynvml.nvmlDeviceGetHandleByUUID(uuid)
        except pynvml.NVMLError:
            return

    def utilisation(self) -> float | None:
        """Return the share of the last moments in which a kernel ran, in [0, 1]."""
        if self._handle is None:
            return None
        try:
            rates = pynvml.nvmlDeviceGetUtilizationRates(self._handle)
        except pynvml.NVMLError:
            return None
        return float(rates.gpu) / 100
