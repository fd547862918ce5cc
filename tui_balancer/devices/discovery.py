"""Which devices torch sees. Imports torch and initialises CUDA: never in the app process."""

from __future__ import annotations

import contextlib
import os

import pynvml
import torch

from tui_balancer.devices.info import VISIBLE_DEVICES, DeviceInfo
from tui_balancer.devices.processor import CPU, describe_processor
from tui_balancer.devices.slices import sliced_cards


def discover() -> tuple[DeviceInfo, ...]:
    """Return every device: CUDA's in torch's order, then MPS, then the processor.

    Where a card is divided into slices, CUDA's are those of `slices.sliced_cards`.
    """
    cards = sliced_cards() if torch.cuda.device_count() else ()
    names = [f"cuda:{index}" for index in range(0 if cards else torch.cuda.device_count())]
    if torch.backends.mps.is_available():
        names.append("mps")
    return (*cards, *(describe(name) for name in (*names, CPU)))


def describe(device: str) -> DeviceInfo:
    """Return what there is to know of one device, `cpu:3` being the processor."""
    if device.startswith("cuda"):
        properties = torch.cuda.get_device_properties(device)
        return DeviceInfo(
            device,
            properties.name,
            properties.total_memory,
            _uuid(properties),
            (properties.major, properties.minor),
        )
    if device == "mps":
        name = f"{describe_processor().name} GPU"
        return DeviceInfo(device, name, torch.mps.recommended_max_memory())
    return describe_processor()


def unusable_gpus() -> str:
    """Return a line about NVIDIA cards that this torch cannot use; empty when there are none."""
    if torch.cuda.device_count() > 0:
        return ""
    if torch.version.cuda is not None and VISIBLE_DEVICES in os.environ:
        # It hides them; `drivers.missing_cards` tells.
        return ""
    cards = 0
    with contextlib.suppress(pynvml.NVMLError):
        pynvml.nvmlInit()
        cards = pynvml.nvmlDeviceGetCount()
    if not cards:
        return ""
    plural = "s" if cards > 1 else ""
    return (
        f"this machine has {cards} NVIDIA GPU{plural}, but torch {torch.__version__} cannot "
        f"use any: install a CUDA build of torch that suits the driver, see pytorch.org"
    )


def _uuid(properties: object) -> str | None:
    """Return the UUID in NVML's spelling; older versions of torch do not tell it."""
    uuid = getattr(properties, "uuid", None)
    if uuid is None:
        return None
    kind = "MIG" if " MIG " in getattr(properties, "name", "") else "GPU"
    return f"{kind}-{uuid}"
