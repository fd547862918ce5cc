"""What the card is, and the state it is in: clocks, power, temperature. Imports torch."""

from __future__ import annotations

import os
from typing import Any

import pynvml
import torch

from tui_balancer.devices.discovery import describe
from tui_balancer.devices.monitoring import nvml_handle


def facts(device: str) -> dict[str, Any]:
    """Return what does not change while it computes."""
    found = describe(device)
    known: dict[str, Any] = {
        "name": found.name,
        "memory": found.memory_total,
        "capability": found.capability,
        "cores": len(os.sched_getaffinity(0)),
        "torch": torch.__version__,
        "cuda": torch.version.cuda,
        **state(device),
    }
    handle = nvml_handle(found.uuid)
    if handle is not None:
        known |= _told(
            driver=pynvml.nvmlSystemGetDriverVersion,
            highest_sm_mhz=lambda: pynvml.nvmlDeviceGetMaxClockInfo(handle, pynvml.NVML_CLOCK_SM),
            power_limit_watts=lambda: pynvml.nvmlDeviceGetEnforcedPowerLimit(handle) / 1000,
        )
    return known


def state(device: str) -> dict[str, Any]:
    """Return the state at this moment, as NVML tells it; empty where there is no NVML."""
    handle = nvml_handle(describe(device).uuid)
    if handle is None:
        return {}
    return _told(
        sm_mhz=lambda: pynvml.nvmlDeviceGetClockInfo(handle, pynvml.NVML_CLOCK_SM),
        memory_mhz=lambda: pynvml.nvmlDeviceGetClockInfo(handle, pynvml.NVML_CLOCK_MEM),
        watts=lambda: pynvml.nvmlDeviceGetPowerUsage(handle) / 1000,
        celsius=lambda: pynvml.nvmlDeviceGetTemperature(handle, pynvml.NVML_TEMPERATURE_GPU),
        throttled=lambda: pynvml.nvmlDeviceGetCurrentClocksThrottleReasons(handle),
    )


def _told(**questions: Any) -> dict[str, Any]:
    """Return the answers; a sensor that is missing has none."""
    answers: dict[str, Any] = {}
    for name, ask in questions.items():
        try:
            answer = ask()
        except (pynvml.NVMLError, AttributeError):
            continue
        answers[name] = answer.decode() if isinstance(answer, bytes) else answer
    return answers
