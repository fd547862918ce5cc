"""The number format of a run's matrix products, the same for all devices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from tui_balancer.devices.processor import CPU
from tui_balancer.devices.selection import AUTO, DeviceRequest, SelectedDevice
from tui_balancer.embedding.settings import PRECISIONS, Precision, PrecisionChoice
from tui_balancer.errors import UserError

CAPABILITIES: Mapping[Precision, tuple[int, int]] = MappingProxyType(
    {"bf16": (8, 0), "fp16": (7, 0)}
)
"""Minimum CUDA compute capability of each format, the preferred format first."""

_SLOWER = 0.9
"""Relative speed below which a number format counts as slower; nearer to 1 is noise."""


def choose_precision(
    choice: PrecisionChoice,
    devices: Sequence[SelectedDevice],
    *,
    reference: bool,
    formats: Sequence[Precision] = PRECISIONS,
) -> Precision:
    """Return the number format of a run.

    By default the best half precision of all devices, if all are CUDA devices; float32 if the CPU
    or MPS is used, or with fair-esm's own forward pass.

    Args:
        choice: What was asked for.
        devices: Of the run.
        reference: Whether fair-esm's own forward pass computes.
        formats: Those of the model, see `Family.precisions`.

    Raises:
        UserError: The model, or a device of the run, does not support the requested format.
    """
    if reference and choice not in ("auto", "fp32"):
        raise UserError(f"--reference computes in fp32: leave out --precision {choice}")
    if choice == "auto":
        if reference or any(one.capability is None for one in devices):
            return "fp32"
        candidates = (one for one in CAPABILITIES if not _lacking(one, devices))
        return next((one for one in candidates if one in formats), "fp32")
    if choice not in formats:
        raise UserError(
            f"--precision {choice}: the model's numbers overflow in it; choose "
            f"{' or '.join(formats)}"
        )
    if lacking := _lacking(choice, devices):
        named = ", ".join(f"{one.device} ({one.name})" for one in lacking)
        raise UserError(
            f"--precision {choice}: {named} cannot compute in it; leave out --precision, or the "
            "device with --devices"
        )
    return choice


def measured_precision(choice: PrecisionChoice, devices: DeviceRequest) -> Precision | None:
    """Return the requested number format, if the CPU may be slow in it."""
    if CPU in devices.names or AUTO in devices.names:
        return next((one for one in CAPABILITIES if one == choice), None)
    return None


def slow_precision_warnings(
    precision: Precision, devices: Sequence[SelectedDevice]
) -> tuple[str, ...]:
    """Return a line about the CPU that is slowest in a number format, if slower than in fp32.

    Args:
        precision: The requested number format.
        devices: The run's devices, measured or not.
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


def precisions(
    device: SelectedDevice, formats: Sequence[Precision] = PRECISIONS
) -> tuple[Precision, ...]:
    """Return the formats of a model that are worth measuring on a device, float32 first."""
    if device.kind == "cpu":
        # CPUs with fp16 units are rare; the others take ten times as long as in fp32.
        return ("fp32", "bf16")
    return ("fp32", *(one for one in CAPABILITIES if one in formats and _has(device, one)))


def _lacking(precision: Precision, devices: Sequence[SelectedDevice]) -> list[SelectedDevice]:
    """Return the devices that do not support a format."""
    return [one for one in devices if not _has(one, precision)]


def _has(device: SelectedDevice, precision: Precision) -> bool:
    if precision == "fp32" or device.kind == "cpu":
        return True
    if device.capability is None:
        # Apple's GPUs support bf16 since macOS 14, fp16 always.
        return precision == "fp16"
    return device.capability >= CAPABILITIES[precision]
