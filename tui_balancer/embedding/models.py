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

    @property
    def attended_width(self) -> int:
        """The width of queries, keys and values, a."""
        return self.width

    def flops(self, tokens: int, squared_tokens: int) -> float:
        """Return the FLOPs of the forward passes of sequences, `2·weights·ΣL + 4·n·a·ΣL²`.

        Each number of the weights is one multiplication and one addition per token. For a sequence
        of L tokens the scores Q·Kᵀ and the weighted sum of the values are L × L × a products each.
        Softmax, activations, norms and biases are left out: a few per cent in the smallest model,
        less in the others. So is the product Q·Kᵀ that ESM-2's predicted contacts take once more,
        2·d·L² a layer: of 300 tokens 7 % in the smallest model and 2 % in that of 650M, for all
        files of a run alike; what long proteins take longer for it is learned like the rest. The
        sums run over the sequences, since padding depends on the batches and attention does not
        cross them (Kaplan et al. 2020, "Scaling laws for neural language models", section 2.1,
        count the same terms).

        Args:
            tokens: ΣL, the tokens of all sequences, special tokens included; an estimate where a
                token is not a residue, see `Alphabet.tokens`.
            squared_tokens: ΣL² over the same sequences.
        """
        attended = 4 * self.layers * self.attended_width
        return float(2 * self.weights * tokens + attended * squared_tokens)

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
