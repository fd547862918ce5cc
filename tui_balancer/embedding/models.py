"""Models as the program knows them before it loads them. Imports no torch."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from tui_balancer.alphabets import Alphabet


@dataclass(frozen=True, slots=True)
class ModelShape(ABC):
    """The architecture of a model; each family has its own class.

    Attributes:
        family: Name of the family, see `families.table`.
        alphabet: What the model reads.
        layers: Transformer layers, n.
        width: Embedding size, d.
        heads: Attention heads.
    """

    family: ClassVar[str]
    alphabet: ClassVar[Alphabet]

    layers: int
    width: int
    heads: int

    @property
    def longest(self) -> int | None:
        """The most residues that a sequence may have; None where the model has no limit."""
        return None

    @property
    def of_structures(self) -> ModelShape | None:
        """The same model as it reads structures in 3Di; None where it reads none."""
        return None

    @property
    def activation_width(self) -> int:
        """The width of an ESM-2 model whose activations need as much memory."""
        return self.width

    @property
    @abstractmethod
    def weights(self) -> int:
        """Numbers in the weights of the layers."""

    @abstractmethod
    def flops(self, tokens: int, squared_tokens: int) -> float:
        """Return the FLOPs of the forward passes of sequences.

        Args:
            tokens: ΣL, the tokens of all sequences, special tokens included.
            squared_tokens: ΣL² over the same sequences.
        """

    def sequence_flops(self, residues: int) -> float:
        """Return the FLOPs of the forward pass of one sequence of so many residues."""
        tokens = self.alphabet.tokens(residues)
        return self.flops(tokens, tokens**2)


@dataclass(frozen=True, slots=True)
class ModelSource:
    """A model that is known to exist, ready to be loaded by any worker.

    Attributes:
        label: What a person sees everywhere, its name, or
            `untrained NAME (seed 0)`.
        name: The architecture's name, or the checkpoint's stem.
        shape: Its architecture.
        checkpoint: The file with the weights, or the folder in Hugging Face's format; None when
            untrained.
        sha256: Of the bytes of the weights, and of a tokenizer that decides as much; empty when
            untrained (the worker reports it).
        seed: Of the random weights; None when trained.
        stamp: Size and time of change, in nanoseconds, of each file of the checkpoint.
    """

    label: str
    name: str
    shape: ModelShape
    checkpoint: Path | None
    sha256: str
    seed: int | None
    stamp: tuple[tuple[int, int], ...] = ()

    @property
    def untrained(self) -> bool:
        """Whether the weights are random: fit for demos and tests, not for science."""
        return self.checkpoint is None
