"""The default batch budget in tokens, without `--batch-tokens`.

One budget holds for the whole run: batches decide the last bits of a vector, which must not
depend on the worker. So it depends only on the model and the weakest device: neither on how much
of its memory is free, nor on how many workers share it. A card that is too small for that has fewer
workers, see `card_workers`.
"""

from __future__ import annotations

from collections.abc import Sequence

from tui_balancer.devices.selection import SelectedDevice
from tui_balancer.devices.sharing import CONTEXT_BYTES
from tui_balancer.embedding.models import ModelShape
from tui_balancer.embedding.settings import Precision

CPU_BATCH_TOKENS = 2048
"""With half as many, one core with AVX-512 took 4 to 7 % longer for 8M and 35M; twice as many
were no faster. Short batches give frequent progress and better splits at the end.
"""

_GPU_STATES = 16384 * 1280
"""Tokens by width in a GPU's batch. On an H100, the 650M model was no faster with four times as
many and a quarter slower with a quarter; small models need as many to hide kernel launches."""

_LEAST_GPU_TOKENS = 2048

_STATE_BYTES = 64
"""A GPU's memory for each of those states in float32: the residual, queries, keys and values, and
twice the feed-forward's expansion."""

_WEIGHT_BYTES = 4
_HALF_WEIGHT_BYTES = 2


def suitable_batch_tokens(devices: Sequence[SelectedDevice], shape: ModelShape) -> int:
    """Return the batch budget for a model and the weakest kind of device, in tokens."""
    if any(one.kind == "cpu" for one in devices):
        return CPU_BATCH_TOKENS
    return gpu_batch_tokens(shape, [one.memory_total for one in devices if one.memory_total])


def gpu_batch_tokens(shape: ModelShape, memories: Sequence[int] = ()) -> int:
    """Return the budget for GPUs: a power of two.

    Args:
        memories: Known memories of the devices in bytes; a batch takes half of what the weights
            leave of the smallest.
    """
    states = _GPU_STATES
    if memories:
        weights = _WEIGHT_BYTES * shape.weights
        states = min(states, (min(memories) - weights) // (2 * _STATE_BYTES))
    tokens = max(states // shape.activation_width, _LEAST_GPU_TOKENS)
    return 1 << (tokens.bit_length() - 1)


def shared_worker_bytes(shape: ModelShape, precision: Precision, batch_tokens: int) -> int:
    """Return the bytes of a GPU that each of several workers needs, so that no batch is split.

    As for a worker alone, a batch takes half of what the weights leave.

    Args:
        batch_tokens: Of the run.
    """
    states = batch_tokens * shape.activation_width
    weights = _weight_bytes(precision) * shape.weights
    return CONTEXT_BYTES + weights + 2 * _STATE_BYTES * states


def gpu_worker_bytes(shape: ModelShape, precision: Precision) -> int:
    """Return about how many bytes of a GPU a worker needs: the weights, and a batch that is fast.

    On a smaller GPU batches are smaller.
    """
    states = gpu_batch_tokens(shape) * shape.activation_width
    return _weight_bytes(precision) * shape.weights + _STATE_BYTES * states


def _weight_bytes(precision: Precision) -> int:
    return _WEIGHT_BYTES if precision == "fp32" else _HALF_WEIGHT_BYTES
