"""The protein encoders' models, alphabets and cost. Imports no torch."""

from __future__ import annotations

from dataclasses import astuple, dataclass
from types import MappingProxyType
from typing import ClassVar

from tui_balancer.alphabets import Alphabet
from tui_balancer.embedding.families.family import Family, PublishedModel
from tui_balancer.embedding.models import ModelShape

_AMINO_ACIDS = "ACDEFGHIKLMNPQRSTVWYX"
"""U, Z, O and B have tokens too, but were X in training: Elnaggar et al. 2021, "ProtTrans"."""


@dataclass(frozen=True, slots=True)
class T5Shape(ModelShape):
    """The architecture of an encoder: residues and EOS go through n layers of width d.

    Attributes:
        head_width: w; all h heads together may be wider or narrower than the states.
        inner: Width of the feed-forward's hidden layer, f.
        gated: Whether that is gated by GELU; else it has ReLU.
        buckets: Distances of two tokens that attention tells apart, both directions together.
        distance: From which all distances are one.
    """

    family: ClassVar[str] = "t5"
    alphabet: ClassVar[Alphabet] = Alphabet(_AMINO_ACIDS, before=0)
    prefix: ClassVar[str] = ""
    """The token before the residues; empty where there is none."""

    @staticmethod
    def written(letter: str) -> str:
        """Return a letter of the alphabet as the tokenizer spells it."""
        return letter

    head_width: int
    inner: int
    gated: bool = False
    buckets: int = 32
    distance: int = 128

    @property
    def activation_width(self) -> int:
        """See `ModelShape`: ESM-2's feed-forward has four times its width."""
        inner = self.inner * (2 if self.gated else 1)
        return max(self.width, self.attended_width, inner // 4)

    @property
    def attended_width(self) -> int:
        """The width of all heads together, `h·w`."""
        return self.heads * self.head_width

    @property
    def weights(self) -> int:
        """Numbers in the weights of the layers, `n·(4·d·h·w + 2·d·f)`; gated, `3·d·f`."""
        attention = 4 * self.width * self.attended_width
        return self.layers * (attention + (3 if self.gated else 2) * self.width * self.inner)


@dataclass(frozen=True, slots=True)
class ProstT5Shape(T5Shape):
    """An encoder that reads amino acids after a token that says so."""

    alphabet: ClassVar[Alphabet] = Alphabet(_AMINO_ACIDS, bilingual=True)
    prefix: ClassVar[str] = "<AA2fold>"

    @property
    def of_structures(self) -> StructureShape:
        """See `ModelShape`."""
        return StructureShape(*astuple(self))


@dataclass(frozen=True, slots=True)
class StructureShape(T5Shape):
    """The same encoder as it reads structures."""

    alphabet: ClassVar[Alphabet] = Alphabet("ACDEFGHIKLMNPQRSTVWY", structures=True)
    prefix: ClassVar[str] = "<fold2AA>"

    @staticmethod
    def written(letter: str) -> str:
        """See `T5Shape`."""
        return letter.lower()


_PROT_T5 = T5Shape(layers=24, width=1024, heads=32, head_width=128, inner=16384)
_PROST_T5 = ProstT5Shape(layers=24, width=1024, heads=32, head_width=128, inner=16384)


def _ankh(width: int, heads: int, inner: int) -> T5Shape:
    return T5Shape(48, width, heads, head_width=64, inner=inner, gated=True, buckets=64)


TOKENIZERS = ("tokenizer.json", "spiece.model", "added_tokens.json", "tokenizer_config.json")
"""The first, where it is there, or the second with what either of the others adds."""

FAMILY = Family(
    name=T5Shape.family,
    title="T5",
    models=MappingProxyType(
        {
            name: PublishedModel(shape, licence, f"{owner}/{name}")
            for owner, name, licence, shape in (
                ("Rostlab", "prot_t5_xl_uniref50", "AFL-3.0", _PROT_T5),
                ("Rostlab", "prot_t5_xl_half_uniref50-enc", "AFL-3.0", _PROT_T5),
                ("Rostlab", "prot_t5_xl_bfd", "AFL-3.0", _PROT_T5),
                ("Rostlab", "ProstT5", "MIT", _PROST_T5),
                ("ElnaggarLab", "ankh-base", "CC-BY-NC-SA-4.0", _ankh(768, 12, 3072)),
                ("ElnaggarLab", "ankh-large", "CC-BY-NC-SA-4.0", _ankh(1536, 16, 3840)),
            )
        }
    ),
    kinds=("mean", "per_tok"),
    pooling="mean over residues, special tokens excluded",
    precisions=("fp32", "bf16"),
    mark="T5",
    tokenizers=TOKENIZERS,
)
