"""Where the time of a forward pass goes, kernel by kernel. Imports torch."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch.autograd import DeviceType  # type: ignore[attr-defined]
from torch.profiler import ProfilerActivity, profile

MOST = 16
"""Kernels that are named, those that take the most time; the rest is one sum."""

NAME_LETTERS = 120


def kernel_seconds(work: Callable[[], object], device: torch.device) -> dict[str, float]:
    """Return the seconds of each kernel of a pass; on a processor, of each operator itself."""
    on_card = device.type == "cuda"
    activities = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if on_card else [])]
    with profile(activities=activities) as found:
        work()
    seconds: dict[str, float] = {}
    for one in found.key_averages():
        if on_card and one.device_type == DeviceType.CPU:
            # It has the time of the kernels that it started, which have their own lines.
            continue
        spent = one.self_device_time_total if on_card else one.self_cpu_time_total
        name = one.key[:NAME_LETTERS]
        seconds[name] = seconds.get(name, 0.0) + spent / 1e6
    ranked = sorted(seconds.items(), key=lambda pair: -pair[1])
    rest = sum(spent for _, spent in ranked[MOST:])
    return {**dict(ranked[:MOST]), "others": rest}
