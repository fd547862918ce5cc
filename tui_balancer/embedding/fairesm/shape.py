"""The architecture that ESM-1 and ESM-2 share. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import ClassVar

from tui_balancer.alphabets import PROTEIN, Alphabet
from tui_balancer.embedding.models import ModelShape


@dataclass(frozen=True, slots=True)
class FairEsmShape(ModelShape):
    """n layers of width d, with a feed-forward part of width 4·d.

    Attributes:
        architecture: What fair-esm calls the model's alphabet.
    """

    alphabet: ClassVar[Alphabet] = PROTEIN
    architecture: ClassVar[str] = "ESM-1b"

    @property
    def weights(self) -> int:
        """Numbers in the weights of the layers, `12·n·d²`: four of d × d, two of d × 4d."""
        return 12 * self.layers * self.width**2

    def flops(self, tokens: int, squared_tokens: int) -> float:
        """Return the FLOPs of forward passes, `n·(24·d²·ΣL + 4·d·ΣL²)`; see `ModelShape.flops`.

        Per layer and token, the four attention projections are d × d matrices and the two
        feed-forward ones d × 4d: 4·d² + 8·d² = 12·d² multiplications with as many additions,
        hence 24·d². For a sequence of L tokens the scores Q·Kᵀ and the weighted sum of the values
        are L × L × d products each, hence 2·2·d·L². Softmax, GELU, layer norms and biases are left
        out: a few per cent in the smallest model, less in the others. So is the product Q·Kᵀ that
        predicted contacts take once more, 2·d·L² a layer: of 300 tokens 7 % in the smallest model
        and 2 % in that of 650M, for all files of a run alike; what long proteins take longer for
        it is learned like the rest. The sums run over the sequences, since padding depends on the
        batches and attention does not cross them (Kaplan et al. 2020, "Scaling laws for neural
        language models", section 2.1, count the same terms).
        """
        width = self.width
        return float(self.layers * (24 * width**2 * tokens + 4 * width * squared_tokens))

    @property
    def plausible(self) -> bool:
        """Whether a model can have these sizes, which came from a file and may be anything."""
        sizes = [getattr(self, one.name) for one in fields(self)]
        return (
            all(isinstance(size, int) and size > 0 for size in sizes)
            and self.width % self.heads == 0
            and (self.longest is None or self.longest > 0)
        )
