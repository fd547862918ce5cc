"""What each letter of a sequence becomes.

| in a file of proteins | in the record |
|---|---|
| a letter of the alphabet, either case | the upper-case letter |
| any other letter (`J`), `*` inside | the alphabet's unknown letter (`X`), counted as replaced |
| `*` at the end, gaps `-` and `.`, white space | nothing |
| anything else | the file is refused |

| in a file of nucleotides | in the record |
|---|---|
| a letter of the alphabet, either case | the upper-case letter |
| `U` | `T`: RNA is read as the DNA of the same sequence |
| an ambiguity code (`R`, `Y` …), `X` | the unknown letter (`N`), counted as replaced |
| gaps, white space | nothing |
| anything else: letters that only amino acids have, `*` | the file is refused |
"""

from __future__ import annotations

import string
from functools import cache

from tui_balancer.alphabets import Alphabet

NUCLEOTIDES = b"ACGTUN"

AMBIGUITY_CODES = b"RYSWKMBDHV"
"""Of IUPAC, for two or three of the bases (NC-IUB 1984, doi 10.1093/nar/13.9.3021)."""

AMINO_ACIDS_ONLY = "EFIJLOPQZ*"
"""What stands in a protein sequence and for no nucleotide."""

GAPS = ("-." + string.whitespace).encode()

NO_RESIDUES = "*-." + string.whitespace
"""What a sequence without residues may have."""

_FOLD = str.maketrans(string.ascii_lowercase, string.ascii_uppercase, "-." + string.whitespace)
_DROP_LETTERS = str.maketrans("", "", string.ascii_uppercase)
_DROP_BASES = str.maketrans("", "", (NUCLEOTIDES + AMBIGUITY_CODES).decode() + "X")


def clean(sequence: str, alphabet: Alphabet) -> tuple[str, int]:
    """Return a sequence in an alphabet, and how many letters were read as its unknown one.

    Raises:
        ValueError: It has a character that stands for no residue; `foreign_letter` finds it.
    """
    either_case, drop_letters = _tables(alphabet)
    if not sequence.encode().translate(None, either_case):
        return sequence.upper(), 0
    residues = sequence.translate(_FOLD)
    residues = residues.replace("U", "T") if alphabet.nucleotides else residues.rstrip("*")
    if letter := foreign_letter(residues, alphabet):
        raise ValueError(f"{letter!a} is not a residue")
    foreign = residues.translate(drop_letters)
    return residues.translate(dict.fromkeys(map(ord, foreign), alphabet.unknown)), len(foreign)


@cache
def _tables(alphabet: Alphabet) -> tuple[bytes, dict[int, int | None]]:
    """Return what to delete from bytes, and from capitals, so that foreign letters are left."""
    letters = alphabet.letters
    return (letters + letters.lower()).encode(), str.maketrans("", "", letters)


def foreign_letter(sequence: str, alphabet: Alphabet) -> str:
    """Return the first character that stands for no residue, or an empty string."""
    if alphabet.nucleotides:
        return sequence.translate(_FOLD).translate(_DROP_BASES)[:1]
    foreign = sequence.translate(_FOLD).translate(_DROP_LETTERS)
    return next((letter for letter in foreign if not (letter.isalpha() or letter == "*")), "")


def count_nucleotides(residues: str) -> int:
    """Return how many of the letters could be those of a nucleic acid."""
    return len(residues) - len(residues.encode().translate(None, NUCLEOTIDES))
