"""Who takes part in `forward`, on which sequences. Imports no torch."""

from __future__ import annotations

import os
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

SEED = 0
MODELS = {
    "8M": "esm2_t6_8M_UR50D",
    "35M": "esm2_t12_35M_UR50D",
    "150M": "esm2_t30_150M_UR50D",
    "650M": "esm2_t33_650M_UR50D",
    "ESM-1b": "esm1b_t33_650M_UR50S",
    "ESMC-300M": "esmc_300m",
    "ESMC-600M": "esmc_600m",
    "ProtT5-XL": "prot_t5_xl_uniref50",
    "Ankh-base": "ankh-base",
    "DNABERT-S": "DNABERT-S",
}
ON_A_PROCESSOR = {
    "8M": 192,
    "35M": 64,
    "150M": 32,
    "ESMC-300M": 24,
    "Ankh-base": 24,
    "DNABERT-S": 48,
}
ON_A_GPU = {"8M": 16000, "35M": 8000, "150M": 4000}
"""Sequences: seconds to a minute of work."""

LARGE_ON_A_PROCESSOR, LARGE_ON_A_GPU = 12, 1600
"""Of the models that these tables do not have."""

CORES = len(os.sched_getaffinity(0))


@dataclass(frozen=True)
class Contender:
    """One way to compute.

    Attributes:
        name: In the table.
        forward: Which forward pass; fair-esm's and faesm's are of ESM-2 alone. `compiled` is
            transformers' by `torch.compile`. `product` computes as many FLOPs in the model's
            largest matrix product, which no forward pass exceeds.
        precision: Its number format.
        processes: How many compute at once.
        threads: Of each.
        large_batches: Whether they have as many tokens as in a run of ours; else `extract.py`'s.
    """

    name: str
    forward: Literal["extract", "transformers", "compiled", "faesm", "packed", "product"]
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
    Contender("one product fp32, a process a core", "product", processes=CORES, threads=1),
    Contender("one product bf16, a process a core", "product", "bf16", processes=CORES, threads=1),
)
GPU_CONTENDERS = (
    Contender("fair-esm extract.py", "extract"),
    Contender("HF transformers, sdpa", "transformers"),
    Contender("HF, sdpa, bf16, large batches", "transformers", "bf16", large_batches=True),
    Contender("HF, compiled, bf16, large batches", "compiled", "bf16", large_batches=True),
    Contender("packed fp32", "packed"),
    Contender("packed bf16", "packed", "bf16"),
    Contender("one product fp32", "product"),
    Contender("one product bf16", "product", "bf16"),
)


def contenders_for(family: str, device: str) -> tuple[Contender, ...]:
    """Return who can compute a family's models on a device, the one to compare with first."""
    everybody = PROCESSOR_CONTENDERS if device == "cpu" else GPU_CONTENDERS
    alone = ("extract", "faesm")
    return tuple(one for one in everybody if family == "esm2" or one.forward not in alone)


def share(sequences: Sequence[str], part: int, parts: int) -> list[str]:
    """Return one of so many shares of about as many letters each, as a balanced run would."""
    shares: list[list[str]] = [[] for _ in range(parts)]
    for one in sorted(sequences, key=len, reverse=True):
        min(shares, key=lambda mine: sum(map(len, mine))).append(one)
    return shares[part]


def sequences_for(model: str, device: str) -> list[str]:
    """Return the sequences of one measurement: proteins, or about as many tokens of bases."""
    if device == "cpu":
        proteins = sequences(ON_A_PROCESSOR.get(model, LARGE_ON_A_PROCESSOR))
    else:
        proteins = sequences(ON_A_GPU.get(model, LARGE_ON_A_GPU))
    if not model.startswith("DNA"):
        return proteins
    rng = random.Random(SEED)
    return ["".join(rng.choices("ACGT", k=4 * len(one))) for one in proteins]


def sequences(count: int) -> list[str]:
    """Return made-up proteins of viral metagenomes' lengths, none above 1,022 residues."""
    rng = random.Random(SEED)
    lengths = (min(max(round(190 * rng.lognormvariate(0, 0.75)), 30), 1022) for _ in range(count))
    return ["".join(rng.choices("LAGVSERTIDPKQNFYMHWC", k=length)) for length in lengths]
