"""What a model reads: the letters that it has a token for, and the tokens around a sequence."""

from __future__ import annotations

import string
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

Lengths = TypeVar("Lengths", int, "npt.NDArray[np.int64]")


@dataclass(frozen=True, slots=True)
class Alphabet:
    """The letters and special tokens of a model.

    Attributes:
        letters: Those that have a token, in upper case.
        unknown: The letter that others are read as.
        nucleotides: Whether they are bases; otherwise they are amino acids.
        before: Special tokens before the residues of a sequence, as BOS.
        after: Special tokens after them, as EOS.
        token_letters: Letters of a token; where tokens differ in length, about how many.
        structures: Whether they are states of Foldseek's 3Di, in either case, not amino acids.
        bilingual: Whether the model reads such states too, which its makers write in lower case.
    """

    letters: str
    unknown: str = "X"
    nucleotides: bool = False
    before: int = 1
    after: int = 1
    token_letters: int = 1
    structures: bool = False
    bilingual: bool = False

    def tokens(self, letters: Lengths) -> Lengths:
        """Return the tokens of a sequence of so many letters, special tokens included.

        An estimate where tokens differ in length. Batches and costs go by it, since it is the same
        for all workers and needs no tokenizer.

        Args:
            letters: Their number; or an array of such numbers.
        """
        # Asked of every block, and to divide takes longer than all else.
        tokens = letters if self.token_letters == 1 else -(-letters // self.token_letters)
        return tokens + (self.before + self.after)

    @property
    def name(self) -> str:
        """What outputs call it: `protein`, `nucleotide` or `3di`."""
        if self.structures:
            return "3di"
        return "nucleotide" if self.nucleotides else "protein"

    @property
    def absent(self) -> bytes:
        """The capital letters that have no token."""
        return _absent(self.letters)


@cache
def _absent(letters: str) -> bytes:
    return "".join(sorted(set(string.ascii_uppercase) - set(letters))).encode()


PROTEIN = Alphabet("ACDEFGHIKLMNPQRSTVWYXBUZO")
"""The 20 amino acids, X for an unknown one, B and Z for one of two, and the rare U and O."""

NUCLEOTIDE = Alphabet("ACGTN", unknown="N", nucleotides=True)
"""The four bases, and N for an unknown one."""
