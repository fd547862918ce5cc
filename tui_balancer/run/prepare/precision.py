"""The number format of a run's products: one for all devices, so that any of them may compute."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from tui_balancer.devices.processor import CPU
from tui_balancer.devices.selection import AUTO, DeviceRequest, SelectedDevice
from tui_balancer.embedding.settings import Precision, PrecisionChoice
from tui_balancer.errors import UserError

CAPABILITIES: Mapping[Precision, tuple[int, int]] = MappingProxyType(
    {"bf16": (8, 0), "fp16": (7, 0)}
)
"""CUDA's compute capability from which the matrix units take a format, the best one first."""

_SLOWER = 0.9
"""Relative speed below which a number format is called slower; nearer to 1 is the noise."""


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


def measured_precision(choice: PrecisionChoice, devices: DeviceRequest) -> Precision | None:
    """Return the number format that was asked for, if the processor may be slow in it."""
    if CPU in devices.names or AUTO in devices.names:
        return next((one for one in CAPABILITIES if one == choice), None)
    return None


def slow_precision_warnings(
    precision: Precision, devices: Sequence[SelectedDevice]
) -> tuple[str, ...]:
    """Return a line about the processor that is slowest in a number format, if it is slower.

    Args:
        precision: The number format that was asked for.
        devices: The run's, measured or not.
    """
    measured = [(one.relative_speed, one) for one in devices if one.relative_speed is not None]
    speed, slowest = min(measured, key=lambda pair: pair[0], default=(1.0, None))
    if slowest is None or speed >= _SLOWER:
        return ()
    remedy = "Leave out --precision to use fp32"
    if any(one.kind != CPU for one in devices):
        remedy += ", or leave out the CPU with --devices"
    return (
        f"{precision} runs at {speed:.2g} times the speed of fp32 on {slowest.device} "
        f"({slowest.name}). {remedy}.",
    )


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
