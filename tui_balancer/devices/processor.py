"""The processor as a device: its name, and the cores and memory this process may use."""

from __future__ import annotations

import os
import platform
from pathlib import Path

from tui_balancer.devices import cgroups
from tui_balancer.devices.info import DeviceInfo

CPU = "cpu"


def describe_processor() -> DeviceInfo:
    """Return the processor as a device."""
    import psutil

    return DeviceInfo(CPU, processor_name(), _at_most(psutil.virtual_memory().total))


def processor_name(cpuinfo: Path = Path("/proc/cpuinfo")) -> str:
    """Return what the processor calls itself, e.g. `AMD EPYC 7763 64-Core Processor`."""
    try:
        lines = cpuinfo.read_text().splitlines()
    except OSError:
        lines = []
    for line in lines:
        key, _, value = line.partition(":")
        if key.strip() == "model name":
            return " ".join(value.split())
    return platform.processor() or platform.machine() or "CPU"


def usable_cores() -> int:
    """Return the cores that this process may compute on: its affinity and its CPU quota."""
    if hasattr(os, "sched_getaffinity"):
        cores = len(os.sched_getaffinity(0))
    else:
        cores = os.cpu_count() or 1
    quota = cgroups.cpu_quota()
    return cores if quota is None else max(1, min(cores, int(quota)))


def available_memory() -> int:
    """Return the bytes that new processes can use without swapping."""
    import psutil

    return _at_most(psutil.virtual_memory().available)


def _at_most(memory: int) -> int:
    """Return so many bytes, or fewer where a limit says so."""
    limit = cgroups.memory_limit()
    return memory if limit is None else min(memory, limit)
