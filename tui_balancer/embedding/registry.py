"""The ESM-2 models by name, and what a person may write for `--model`. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class ModelShape:
    """The architecture of an ESM-2 model.

    Attributes:
        layers: Transformer layers, n.
        width: Embedding size, d.
        heads: Attention heads.
    """

    layers: int
    width: int
    heads: int


@dataclass(frozen=True, slots=True)
class ModelSource:
    """A model that is known to exist, ready to be loaded by any worker.

    Attributes:
        label: What a person sees everywhere, e.g. `esm2_t6_8M_UR50D` or
            `untrained esm2_t6_8M_UR50D (seed 0)`.
        name: The architecture's name, or the checkpoint's stem.
        shape: Its architecture.
        checkpoint: The file with the weights; None when untrained.
        sha256: Of the checkpoint's bytes; empty when untrained (the worker reports it).
        seed: Of the random weights; None when trained.
    """

    label: str
    name: str
    shape: ModelShape
    checkpoint: Path | None
    sha256: str
    seed: int | None

    @property
    def untrained(self) -> bool:
        """Whether the weights are random: fit for demos and tests, not for science."""
        return self.checkpoint is None
