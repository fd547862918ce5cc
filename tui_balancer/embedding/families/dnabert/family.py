"""DNABERT-2's and DNABERT-S's shape, alphabet and cost. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import ClassVar

from tui_balancer.alphabets import NUCLEOTIDE, Alphabet
from tui_balancer.embedding.families.family import Family, PublishedModel
from tui_balancer.embedding.models import ModelShape

_TOKEN_LETTERS = 5
"""Bases of a token, about: its makers' README (MAGICS-LAB/DNABERT_2, "Fine-tune") says that the
tokenizer makes sequences about 5 times shorter. It cannot be more than 6 for random bases, since
4,096 tokens are as many as there are words of 6. Unknown bases have a token each."""


TOKENIZER = "tokenizer.json"


@dataclass(frozen=True, slots=True)
class DnabertShape(ModelShape):
    """The architecture: [CLS], tokens of several bases and [SEP] go through n layers of width d.

    Attributes:
        inner: Width of the feed-forward's hidden layer, f.
        vocabulary: Tokens.
    """

    family: ClassVar[str] = "dnabert"
    alphabet: ClassVar[Alphabet] = replace(NUCLEOTIDE, token_letters=_TOKEN_LETTERS)

    inner: int
    vocabulary: int

    @property
    def weights(self) -> int:
        """Numbers in the weights of the layers, `n·(4·d² + 3·d·f)`, with the gate."""
        return self.layers * (4 * self.width**2 + 3 * self.width * self.inner)


_SHAPE = DnabertShape(layers=12, width=768, heads=12, inner=3072, vocabulary=4096)

FAMILY = Family(
    name=DnabertShape.family,
    title="DNABERT",
    models=MappingProxyType(
        {
            name: PublishedModel(_SHAPE, licence="Apache-2.0", repository=f"zhihan1996/{name}")
            for name in ("DNABERT-2-117M", "DNABERT-S")
        }
    ),
    max_length=10_000,
    kinds=("mean", "bos"),
    pooling="mean over all tokens, [CLS] and [SEP] included",
    mark="DNABERT_S",
    tokenizers=(TOKENIZER,),
)
"""No kind has a row for each base, since a token is several of them. The mean is that of the
makers' READMEs, and of VirNucPro's `extract_DNABERT_S`. The longest sequences that DNABERT-S was
trained on have 10,000 bases; the bias by distance sets no limit. The mark is what VirNucPro's tools
look for, whichever of the models computes."""
