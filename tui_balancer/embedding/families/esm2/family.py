"""ESM-2's models, alphabet and cost. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import ClassVar

from tui_balancer.alphabets import PROTEIN, Alphabet
from tui_balancer.embedding.families.family import Family, PublishedModel
from tui_balancer.embedding.models import ModelShape


@dataclass(frozen=True, slots=True)
class Esm2Shape(ModelShape):
    """The architecture of an ESM-2 model: BOS, residues and EOS go through n layers of width d."""

    family: ClassVar[str] = "esm2"
    alphabet: ClassVar[Alphabet] = PROTEIN

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


_SHAPES = {
    "esm2_t6_8M_UR50D": Esm2Shape(layers=6, width=320, heads=20),
    "esm2_t12_35M_UR50D": Esm2Shape(layers=12, width=480, heads=20),
    "esm2_t30_150M_UR50D": Esm2Shape(layers=30, width=640, heads=20),
    "esm2_t33_650M_UR50D": Esm2Shape(layers=33, width=1280, heads=20),
    "esm2_t36_3B_UR50D": Esm2Shape(layers=36, width=2560, heads=40),
    "esm2_t48_15B_UR50D": Esm2Shape(layers=48, width=5120, heads=40),
}

FAMILY = Family(
    name=Esm2Shape.family,
    title="ESM-2",
    models=MappingProxyType(
        {
            name: PublishedModel(shape, licence="MIT", repository=f"facebook/{name}")
            for name, shape in _SHAPES.items()
        }
    ),
    downloaded=True,
    reference=True,
)
