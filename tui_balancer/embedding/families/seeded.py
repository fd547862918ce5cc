"""Models with seeded random weights, made once for all workers of a machine."""

from __future__ import annotations

import fcntl
import hashlib
import logging
from collections.abc import Callable, Mapping
from pathlib import Path

import torch

from tui_balancer.embedding.models import ModelSource

_log = logging.getLogger(__name__)

Weights = Mapping[str, torch.Tensor]

_SPREAD = 0.05
"""Of random biases, and of the weights of norms around 1: enough to show a mistake in them."""


def seeded_weights(
    source: ModelSource, make: Callable[[], Weights], folder: Path | None = None
) -> tuple[Weights, str]:
    """Return the weights of an untrained model, and their checksum.

    Args:
        source: The model, with its seed.
        make: Makes the weights by torch's global generator.
        folder: Where the processes of a run share them: the first one makes them, the others
            wait for it, and all map the same file. None makes them in this process's memory;
            so does a folder without room.
    """
    seed = source.seed or 0
    if folder is None:
        return _made(make, seed)
    path = folder / f"{source.name}-seed-{seed}.pt"
    try:
        with path.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not path.exists():
                weights, checksum = _made(make, seed)
                unfinished = path.with_suffix(".tmp")
                torch.save({"weights": dict(weights), "sha256": checksum}, unfinished)
                unfinished.replace(path)
                del weights
        shared = torch.load(path, weights_only=True, mmap=True)
    except (OSError, RuntimeError) as problem:
        _log.warning("the weights are not shared with other workers: %s", problem)
        path.with_suffix(".tmp").unlink(missing_ok=True)
        return _made(make, seed)
    return shared["weights"], shared["sha256"]


def random_weights(shapes: Mapping[str, tuple[int, ...]]) -> dict[str, torch.Tensor]:
    """Return float32 weights for names and shapes, which leave the size of states as it is.

    Matrices are scaled by their inputs; vectors are biases, around 0, or weights of norms, around
    1, by the end of their names.
    """
    return {name: _random(name, shape) for name, shape in shapes.items()}


def _random(name: str, shape: tuple[int, ...]) -> torch.Tensor:
    values = torch.randn(shape)
    if len(shape) > 1:
        return values.mul_(shape[-1] ** -0.5)
    return values.mul_(_SPREAD).add_(0.0 if name.endswith("bias") else 1.0)


def _made(make: Callable[[], Weights], seed: int) -> tuple[Weights, str]:
    """Return new weights, leaving the global generator alone."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        weights = make()
    digest = hashlib.sha256()
    for name, value in sorted(weights.items()):
        digest.update(name.encode())
        digest.update(value.detach().contiguous().numpy().data)
    return weights, digest.hexdigest()
