"""Who takes part in `forward`, on which sequences. Imports no torch."""

from __future__ import annotations

import os
import random
from dataclasses import dataclass
from typing import Literal

SEED = 0
MODELS = {
    "8M": "esm2_t6_8M_UR50D",
    "35M": "esm2_t12_35M_UR50D",
    "150M": "esm2_t30_150M_UR50D",
    "650M": "esm2_t33_650M_UR50D",
    "ESM-1b": "esm1b_t33_650M_UR50S",
}
ON_A_PROCESSOR = {"8M": 192, "35M": 64, "150M": 32, "650M": 12, "ESM-1b": 12}
ON_A_GPU = {"8M": 16000, "35M": 8000, "150M": 4000, "650M": 1600, "ESM-1b": 1600}
"""Sequences: seconds to a minute of work."""

CORES = len(os.sched_getaffinity(0))


@dataclass(frozen=True)
class Contender:
    """One way to compute.

    Attributes:
        name: In the table.
        forward: Which forward pass.
        precision: Its number format.
        processes: How many compute at once.
        threads: Of each.
        large_batches: Whether they have as many tokens as in a run of ours; else `extract.py`'s.
    """

    name: str
    forward: Literal["extract", "transformers", "faesm", "packed"]
    precision: Literal["fp32", "bf16"] = "fp32"
    processes: int = 1
    threads: int = CORES
    large_batches: bool = False


PROCESSOR_CONTENDERS = (
    Contender("fair-esm extract.py", "extract"),
    Contender("HF transformers, sdpa", "transformers"),
    Contender("faesm, sdpa", "faesm"),
    Contender("packed fp32", "packed"),
    Contender("packed fp32, a process a core", "packed", processes=CORES, threads=1),
    Contender("packed bf16, a process a core", "packed", "bf16", processes=CORES, threads=1),
)
GPU_CONTENDERS = (
    Contender("fair-esm extract.py", "extract"),
    Contender("HF transformers, sdpa", "transformers"),
    Contender("HF, sdpa, bf16, large batches", "transformers", "bf16", large_batches=True),
    Contender("packed fp32", "packed"),
    Contender("packed bf16", "packed", "bf16"),
)


def sequences(count: int) -> list[str]:
    """Return made-up proteins of viral metagenomes' lengths, none above 1,022 residues."""
    rng = random.Random(SEED)
    lengths = (min(max(round(190 * rng.lognormvariate(0, 0.75)), 30), 1022) for _ in range(count))
    return ["".join(rng.choices("LAGVSERTIDPKQNFYMHWC", k=length)) for length in lengths]
