"""Imported by the process that a test's workers are forked from: it seems to have a CUDA card.

Torch and NVML tell of one at the functions that the program calls of them, and the processor
computes what is computed there. Everything between is the program's own.
"""

from __future__ import annotations

import os
from types import SimpleNamespace

import pynvml
import torch

from tui_balancer.embedding import embedder

GIB = 1 << 30
CARD = SimpleNamespace(name="Pretended", total_memory=24 * GIB, uuid="0", major=9, minor=0)


def of_card(device: str) -> SimpleNamespace:
    """Return the card; torch never hears of its workers' names."""
    assert device == "cuda:0", f"torch knows no device {device}"
    return CARD


def limited(share: float, device: str) -> None:
    """Write into the worker's log what torch would limit."""
    print(
        f"{of_card(device).name} limited to {share * CARD.total_memory / GIB:.2f} GiB", flush=True
    )


def in_use(device: str) -> tuple[int, int]:
    """Return how much memory is free, and how much there is."""
    return of_card(device).total_memory - 10 * GIB, CARD.total_memory


torch.cuda.device_count = lambda: 1
torch.cuda.get_device_properties = of_card  # type: ignore[assignment]
torch.cuda.set_device = of_card  # type: ignore[assignment]
torch.cuda.set_per_process_memory_fraction = limited  # type: ignore[assignment]
torch.cuda.mem_get_info = in_use  # type: ignore[assignment]
embedder.torch_device = lambda device: torch.device("cpu" if of_card(device) else device)

pynvml.nvmlInit = lambda: None
pynvml.nvmlDeviceGetCount = lambda: 0
pynvml.nvmlDeviceGetHandleByUUID = {"GPU-0": CARD}.__getitem__
pynvml.nvmlDeviceGetUtilizationRates = lambda handle: SimpleNamespace(gpu=42)
pynvml.nvmlDeviceGetComputeRunningProcesses = lambda handle: [
    SimpleNamespace(pid=os.getpid(), usedGpuMemory=3 * GIB)
]
