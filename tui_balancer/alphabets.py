"""What a model reads: the letters that it has a token for, and the tokens around a sequence."""

from __future__ import annotations

import string
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Alphabet:
    """The letters and special tokens of a model.

    Attributes:
        letters: Those that have a token, in upper case.
        unknown: The letter that others are read as.
        nucleotides: Whether they are bases; otherwise they are amino acids.
        before: Special tokens before the residues of a sequence, as BOS.
        after: Special tokens after them, as EOS.
    """

    letters: str
    unknown: str = "X"
    nucleotides: bool = False
    before: int = 1
    after: int = 1

    @property
    def special(self) -> int:
        """Special tokens of a sequence."""
        return self.before + self.after

    @property
    def absent(self) -> bytes:
        """The capital letters that have no token."""
        return "".join(sorted(set(string.ascii_uppercase) - set(self.letters))).encode()


PROTEIN = Alphabet("ACDEFGHIKLMNPQRSTVWYXBUZO")
"""The 20 amino acids, X for an unknown one, B and Z for one of two, and the rare U and O."""

NUCLEOTIDE = Alphabet("ACGTN", unknown="N", nucleotides=True)
"""The four bases, and N for an unknown one."""
