"""Models with seeded random weights, made once for all workers of a machine."""

from __future__ import annotations

import fcntl
import hashlib
import logging
from collections.abc import Mapping
from pathlib import Path

import torch
from esm.data import Alphabet
from esm.model.esm2 import ESM2

from tui_balancer.embedding.families.esm2.family import Esm2Shape

_log = logging.getLogger(__name__)

Weights = Mapping[str, torch.Tensor]


def seeded_weights(
    shape: Esm2Shape, alphabet: Alphabet, seed: int, folder: Path | None = None
) -> tuple[Weights, str]:
    """Return weights as fair-esm initialises them, and their checksum.

    Args:
        shape: The architecture.
        alphabet: Its alphabet.
        seed: Of the random numbers.
        folder: Where the processes of a run share them: the first one makes them, the others
            wait for it, and all map the same file. None makes them in this process's memory;
            so does a folder without room.
    """
    if folder is None:
        return _made(shape, alphabet, seed)
    path = folder / f"seed-{seed}.pt"
    try:
        with (folder / "seed.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not path.exists():
                weights, checksum = _made(shape, alphabet, seed)
                unfinished = path.with_suffix(".tmp")
                torch.save({"weights": dict(weights), "sha256": checksum}, unfinished)
                unfinished.replace(path)
                del weights
        shared = torch.load(path, weights_only=True, mmap=True)
    except (OSError, RuntimeError) as problem:
        _log.warning("the weights are not shared with other workers: %s", problem)
        path.with_suffix(".tmp").unlink(missing_ok=True)
        return _made(shape, alphabet, seed)
    return shared["weights"], shared["sha256"]


def _made(shape: Esm2Shape, alphabet: Alphabet, seed: int) -> tuple[Weights, str]:
    """Return a new model's weights, leaving the global generator alone."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = ESM2(shape.layers, shape.width, shape.heads, alphabet)
    digest = hashlib.sha256()
    for name, parameter in sorted(model.named_parameters()):
        digest.update(name.encode())
        digest.update(parameter.detach().numpy().data)
    return model.state_dict(), digest.hexdigest()
