"""Initial relative speeds of devices, by hardware name.

The scale is the specification's: an RTX 3090 is 1.00, and it is much flatter than the cards'
raw speed. Its own values are kept: RTX 3080, 3090, 4080, 4090, A6000, A100, H100 and V100.
Other cards are compared with the closest card r of the specification (same architecture, same
kind of memory if possible) by what bounds a forward pass:

    weight = weight_r · sqrt(tflops/tflops_r · bandwidth/bandwidth_r)^0.35

rounded to 0.05, with dense fp16 TFLOPS and memory GB/s of the data sheets. The exponent is the
slope of log weight over log TFLOPS among the specification's own cards (least squares: 0.35).

A weight counts only until the device's rate is measured; see `scheduler.state.throughput`.
"""

from __future__ import annotations

import math
import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace

from tui_balancer.device_names import device_name
from tui_balancer.errors import UserError

UNKNOWN_WEIGHT = 1.0

CPU_WEIGHT = 0.05
"""A CPU worker against an RTX 3090: some 1 TFLOPS of fp32, flattened like the cards."""

MPS_WEIGHT = 0.3
"""An Apple GPU against an RTX 3090, between a base M1 and an M3 Max."""

GPU_WEIGHTS: dict[str, float] = {
    "NVIDIA GeForce RTX 2080 Ti": 0.60,
    "NVIDIA GeForce RTX 3080": 0.90,
    "NVIDIA GeForce RTX 3090": 1.00,
    "NVIDIA GeForce RTX 3090 Ti": 1.05,
    "NVIDIA GeForce RTX 4080": 1.35,
    "NVIDIA GeForce RTX 4080 SUPER": 1.35,
    "NVIDIA GeForce RTX 4090": 1.50,
    "NVIDIA GeForce RTX 5080": 1.40,
    "NVIDIA GeForce RTX 5090": 1.75,
    "Quadro RTX 8000": 0.70,
    "NVIDIA RTX A4000": 0.90,
    "NVIDIA RTX A5000": 1.05,
    "NVIDIA RTX A6000": 1.10,
    "NVIDIA RTX 6000 Ada Generation": 1.70,
    "NVIDIA RTX PRO 6000 Blackwell Workstation Edition": 2.00,
    "Tesla T4": 0.55,
    "Tesla V100-FHHL-16GB": 0.75,
    "Tesla V100-PCIE-16GB": 0.75,
    "Tesla V100-SXM2-16GB": 0.75,
    "Tesla V100-PCIE-32GB": 0.80,
    "Tesla V100-SXM2-32GB": 0.80,
    "Tesla V100-SXM3-32GB": 0.80,
    "Tesla V100S-PCIE-32GB": 0.80,
    "NVIDIA A10": 1.00,
    "NVIDIA A10G": 0.90,
    "NVIDIA A30": 1.00,
    "NVIDIA A40": 1.05,
    "NVIDIA A100-PCIE-40GB": 1.20,
    "NVIDIA A100-SXM4-40GB": 1.20,
    "NVIDIA A100 80GB PCIe": 1.20,
    "NVIDIA A100-SXM4-80GB": 1.20,
    "NVIDIA L4": 1.15,
    "NVIDIA L40": 1.50,
    "NVIDIA L40S": 1.70,
    "NVIDIA H100 PCIe": 2.50,
    "NVIDIA H100 NVL": 2.50,
    "NVIDIA H100 80GB HBM3": 2.50,
    "NVIDIA GH200 480GB": 2.60,
    "NVIDIA H200": 2.65,
    "NVIDIA B200": 3.35,
}
"""Weights by the exact strings that `torch.cuda.get_device_name` prints."""

_MAKER = {"NVIDIA", "GEFORCE", "TESLA", "QUADRO"}
_FORM = re.compile(r"\d+GB|PCIE|SXM\d?|HBM\d?E?|NVL|FHHL|DGXS|GENERATION", re.IGNORECASE)
_MIG = re.compile(r"(?P<card>.+?) MIG (?:(?P<compute>\d)c\.)?(?P<slices>\d)g\.\d+gb(?:\+\S+)?")
_A30_SLICES = 4
_MIG_SLICES = 7


@dataclass(frozen=True, slots=True)
class WeightMatch:
    """A weight and its source, as text for the `devices` table.

    Attributes:
        weight: Relative speed, 1.0 = RTX 3090.
        reason: E.g. `in the table`, `a variant of NVIDIA A100-PCIE-40GB`, `unknown card`.
        known: False if the weight is only the default.
    """

    weight: float
    reason: str
    known: bool = True

    def shared(self, workers: int) -> WeightMatch:
        """Return the weight of one of so many workers of the device."""
        if workers == 1:
            return self
        reason = f"{self.reason}, one of {workers} workers"
        return replace(self, weight=self.weight / workers, reason=reason)


def match_gpu_weight(name: str) -> WeightMatch:
    """Find the weight of a card by its name, with the reason.

    Exact names come first. Then names are compared as whole words, without the maker's
    prefix (older drivers omit it), form factor and memory size, so that every variant of an
    A100 matches, but A10G, GH200 or RTX 3080 Laptop do not match A10, H200 or RTX 3080. A MIG
    slice gets its share of the card: 1g of 7 (of 4 on an A30).
    """
    if name in GPU_WEIGHTS:
        return WeightMatch(GPU_WEIGHTS[name], "in the table")
    if mig := _MIG.fullmatch(name):
        return _match_slice(mig)
    words = _words(name)
    kinds = [known for known in GPU_WEIGHTS if _kind(_words(known)) == _kind(words)]
    if not kinds or not _kind(words):
        return WeightMatch(UNKNOWN_WEIGHT, "unknown card", known=False)
    # If memory distinguishes two variants (V100), the one with the same words is nearer.
    nearest = max(kinds, key=lambda known: len(words & _words(known)))
    return WeightMatch(GPU_WEIGHTS[nearest], f"a variant of {nearest}")


def get_gpu_weight(name: str) -> float:
    """Return the weight of a card; 1.0 and a `UserWarning` for an unknown one."""
    match = match_gpu_weight(name)
    if not match.known:
        warnings.warn(
            f"unknown GPU {name!r}: weight {UNKNOWN_WEIGHT:g} until its speed is measured; "
            "--weights sets another",
            stacklevel=2,
        )
    return match.weight


def match_device_weight(device: str, name: str) -> WeightMatch:
    """Find the weight of any device: a card by its name, a CPU worker or MPS by its kind."""
    kind = device_name(device).kind
    if kind == "cpu":
        return WeightMatch(CPU_WEIGHT, "a CPU worker")
    if kind == "mps":
        return WeightMatch(MPS_WEIGHT, "an Apple GPU")
    return match_gpu_weight(name)


def parse_weights(text: str, devices: Sequence[str]) -> dict[str, float]:
    """Parse `--weights`: `cuda:0=1.5,cuda:1=1` for some devices, or `1.5,1` for all in order.

    Args:
        devices: The run's devices, in order.

    Returns:
        The given weights; other devices keep their own.

    Raises:
        UserError: Not a positive number, no such device, one named twice, or a wrong count.
    """
    parts = [part.strip() for part in text.split(",")]
    named = ["=" in part for part in parts]
    if not any(named):
        if len(parts) != len(devices):
            raise UserError(
                f"--weights: {len(parts)} weights for {len(devices)} devices "
                f"({', '.join(devices)}); give one for each, or name them: {devices[0]}=1.5"
            )
        return {
            device: _positive(part, device) for device, part in zip(devices, parts, strict=True)
        }
    if not all(named):
        raise UserError(f"--weights: name every weight or none: {text!r}")
    weights: dict[str, float] = {}
    for part in parts:
        device, _, number = (side.strip() for side in part.partition("="))
        if device not in devices:
            raise UserError(f"--weights: no device {device!r}; there are {', '.join(devices)}")
        if device in weights:
            raise UserError(f"--weights: {device} is given twice")
        weights[device] = _positive(number, device)
    return weights


def _positive(text: str, device: str) -> float:
    try:
        weight = float(text)
    except ValueError:
        weight = math.nan
    if not (weight > 0 and math.isfinite(weight)):
        raise UserError(f"--weights: {text!r} for {device} is not a positive number")
    return weight


def _match_slice(mig: re.Match[str]) -> WeightMatch:
    card = match_gpu_weight(mig["card"])
    slices = int(mig["compute"] or mig["slices"])
    whole = _A30_SLICES if "A30" in _words(mig["card"]) else _MIG_SLICES
    return WeightMatch(
        card.weight * slices / whole,
        f"{slices}/{whole} of {mig['card']} ({card.reason})",
        card.known,
    )


def _words(name: str) -> frozenset[str]:
    return frozenset(re.split(r"[\s-]+", name.upper())) - {""}


def _kind(words: frozenset[str]) -> frozenset[str]:
    """Return the words of the card's name without maker, form factor and memory size."""
    return frozenset(word for word in words if word not in _MAKER and not _FORM.fullmatch(word))
