"""The number format of a run's products: one for all devices, so that any of them may compute."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from tui_balancer.devices.selection import SelectedDevice
from tui_balancer.embedding.settings import Precision, PrecisionChoice
from tui_balancer.errors import UserError

CAPABILITIES: Mapping[Precision, tuple[int, int]] = MappingProxyType(
    {"bf16": (8, 0), "fp16": (7, 0)}
)
"""CUDA's compute capability from which the matrix units take a format, the best one first."""


def choose_precision(
    choice: PrecisionChoice, devices: Sequence[SelectedDevice], *, reference: bool
) -> Precision:
    """Return the number format that a run computes in.

    Left to itself it is the best half precision that all devices have, where all are CUDA's;
    float32 where the processor or MPS takes part, or fair-esm's own forward pass is asked for.

    Raises:
        UserError: A device of the run cannot compute in the format that was asked for.
    """
    if reference and choice not in ("auto", "fp32"):
        raise UserError(f"--reference computes in fp32: leave out --precision {choice}")
    if choice == "auto":
        if reference or any(one.capability is None for one in devices):
            return "fp32"
        candidates = (one for one in CAPABILITIES if not _lacking(one, devices))
        return next(candidates, "fp32")
    if lacking := _lacking(choice, devices):
        named = ", ".join(f"{one.device} ({one.name})" for one in lacking)
        raise UserError(
            f"--precision {choice}: {named} cannot compute in it; leave it out, or leave out the "
            "device with --devices"
        )
    return choice


def precisions(device: SelectedDevice) -> tuple[Precision, ...]:
    """Return the formats worth measuring on a device, float32 first."""
    if device.kind == "cpu":
        # Processors that compute in fp16 are rare; the others take ten times as long as in fp32.
        return ("fp32", "bf16")
    return ("fp32", *(one for one in CAPABILITIES if _has(device, one)))


def _lacking(precision: Precision, devices: Sequence[SelectedDevice]) -> list[SelectedDevice]:
    """Return the devices that cannot compute in a format."""
    return [one for one in devices if not _has(one, precision)]


def _has(device: SelectedDevice, precision: Precision) -> bool:
    if precision == "fp32" or device.kind == "cpu":
        return True
    if device.capability is None:
        # Apple's GPUs have known bf16 from macOS 14 on, fp16 always.
        return precision == "fp16"
    return device.capability >= CAPABILITIES[precision]
