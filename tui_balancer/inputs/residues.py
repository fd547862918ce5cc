"""What each letter of a sequence becomes.

| in the file | in the record |
|---|---|
| the 20 amino acids, `U O B Z X`, either case | the upper-case letter |
| `J`, any other letter, `*` inside | `X`, counted as replaced |
| `*` at the end, gaps `-` and `.`, white space | nothing |
| anything else | the file is refused |
"""

from __future__ import annotations

import string

ALPHABET = "ACDEFGHIKLMNPQRSTVWYXBUZO"
"""Letters that ESM-2 has a token for."""

NUCLEOTIDES = b"ACGTUN"

GAPS = ("-." + string.whitespace).encode()

NO_RESIDUES = "*-." + string.whitespace
"""What a sequence without residues may have."""

_EITHER_CASE = (ALPHABET + ALPHABET.lower()).encode()
_FOLD = str.maketrans(string.ascii_lowercase, string.ascii_uppercase, "-." + string.whitespace)
_DROP_ALPHABET = str.maketrans("", "", ALPHABET)


def clean(sequence: str) -> tuple[str, int]:
    """Return a sequence in ESM-2's alphabet, and how many letters were read as X.

    Raises:
        ValueError: It has a character that stands for no residue; `stranger` finds it.
    """
    if not sequence.encode().translate(None, _EITHER_CASE):
        return sequence.upper(), 0
    residues = sequence.translate(_FOLD).rstrip("*")
    if stranger(residues):
        raise ValueError(f"{stranger(residues)!a} is no residue")
    foreign = residues.translate(_DROP_ALPHABET)
    return residues.translate(dict.fromkeys(map(ord, foreign), "X")), len(foreign)


def stranger(sequence: str) -> str:
    """Return the first character that stands for no residue, or an empty string."""
    foreign = sequence.translate(_FOLD).translate(_DROP_ALPHABET)
    return next((letter for letter in foreign if not (letter.isalpha() or letter == "*")), "")


def count_nucleotides(residues: str) -> int:
    """Return how many of the letters could be those of a nucleic acid."""
    return len(residues) - len(residues.encode().translate(None, NUCLEOTIDES))
