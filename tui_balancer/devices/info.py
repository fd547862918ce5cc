"""A device as this machine describes it. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass

from tui_balancer.device_names import device_name

VISIBLE_DEVICES = "CUDA_VISIBLE_DEVICES"
"""Environment variable that tells CUDA, when it begins, which cards there are."""


def local_device(device: str, visible: str) -> str:
    """Return the name that torch has for a device in the process of its worker.

    Args:
        device: Its name in the run.
        visible: See `DeviceInfo`.
    """
    return "cuda:0" if visible else device_name(device).place


@dataclass(frozen=True, slots=True)
class DeviceInfo:
    """What is known of a device before anything runs on it.

    Attributes:
        device: `cuda:0`, `mps`, or `cpu` for all of the processor.
        name: As `torch.cuda.get_device_name` prints it; the processor's name for `cpu`.
        memory_total: Bytes, or None where unknown.
        uuid: By which NVML knows it: `GPU-…` or `MIG-…`; None where there is none.
        capability: CUDA's compute capability, (8, 0) for an A100; None for other devices.
        visible: What `CUDA_VISIBLE_DEVICES` must say in its worker's process; empty where that
            sees all cards; see `local_device`.
        relative_speed: Of its matrix products in the number format that was asked for, as a
            multiple of that in float32; None where it was not measured.
    """

    device: str
    name: str
    memory_total: int | None
    uuid: str | None = None
    capability: tuple[int, int] | None = None
    visible: str = ""
    relative_speed: float | None = None

    @property
    def kind(self) -> str:
        """What it is: `cuda`, `mps` or `cpu`."""
        return device_name(self.device).kind
