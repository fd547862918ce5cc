"""What every measurement is given. Imports no torch."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.card.results import Results

BLOCKS, BLOCK_SECONDS = 7, 0.25
"""Blocks of a measurement, and how long each lasts at least."""

QUICK_BLOCKS, QUICK_BLOCK_SECONDS = 2, 0.01


@dataclass(frozen=True)
class Context:
    """Where and how to measure.

    Attributes:
        device: `cuda:N`, or `cpu`.
        results: Where samples are written.
        scratch: A folder for weights, which the processes share.
        quick: Whether models, products and blocks are tiny: to try the script, not a device.
        deadline: When the measurement must have ended, by `time.monotonic`.
    """

    device: str
    results: Results
    scratch: Path
    quick: bool
    deadline: float

    @property
    def left(self) -> float:
        """Seconds until the deadline."""
        return self.deadline - time.monotonic()

    @property
    def blocks(self) -> int:
        """How often each contender has its turn."""
        return QUICK_BLOCKS if self.quick else BLOCKS

    @property
    def block_seconds(self) -> float:
        """How long a turn lasts at least."""
        return QUICK_BLOCK_SECONDS if self.quick else BLOCK_SECONDS
