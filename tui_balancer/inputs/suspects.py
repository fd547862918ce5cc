"""Records that are not what the model reads: among proteins DNA, codes, annotations, words.

Each test bounds the chance that a protein looks like that, its letters drawn independently with the
frequencies of UniProtKB/Swiss-Prot; a record is suspect below `CHANCE`. Real proteins are less
varied than that (tags, linkers, silk), so each test also asks for what they lack. With n letters:

- DNA or RNA: all are IUPAC nucleotides or X, at least 3/4 are A, C, G, T, U or N, and A, C, G, and
  T or U occur. Chance: exp(−n·KL(s‖q)), s their share, q that in the background (Chernoff).
- Three-letter codes: the letters fall into codes, 4 different ones at least, or in Title Case.
  Chance: q^(n/3), q that of any code.
- Secondary structure: all are states of H, E, C or of H, E, L, or DSSP's; at least 1/4 H or E, more
  than one state, half of them as the one before. Chance: q^n, q that of any of the states.
- SaProt's tokens: upper and lower case by turns. Chance: 2^−n, below 10^−6.
- Words of `WORDS`. Chance: 400·∏q, q those of the word's letters.
- Short DNA: 6 letters or more, all A, C, G, T, U or N. Peptides are like that too: it counts where
  half of a file's sequences are, with 16 letters together. Chance: 2^(n/3)·q^n, below 10^−7 a file.

Among nucleotides, a protein is told by a letter that only amino acids have; `residues` refuses
those, and of 50 residues all others come by a chance of 10^−9. What is left is a protein if it has
10 letters or more, and more than half of them are ambiguity codes.

For a model that reads structures too, 10 letters of 3Di or more are a structure if all are in lower
case. Among structures nothing tells a protein: the letters are the same.

Among all:

- Placeholders of `_NOTHING`. Chance: that of the word where it is in upper case, or none.
- The record's id, where not all of the file are so in upper case, as in a list of peptides.
- PIR's headers.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise
from math import exp, log, prod
from typing import Final

from tui_balancer.alphabets import Alphabet
from tui_balancer.inputs.residues import GAPS, NUCLEOTIDES
from tui_balancer.inputs.synthetic import RESIDUE_PERCENT
from tui_balancer.notices import NoticeKind

CHANCE: Final = 1e-9
"""No more than one of the 2·10^8 proteins of UniProtKB is suspect by chance."""

FREQUENCY: Final = {letter: percent / 100 for letter, percent in RESIDUE_PERCENT.items()} | {
    **{"U": 2e-6, "O": 2e-7, "B": 1e-6, "Z": 1e-6, "X": 1e-5},
}
"""In UniProtKB/Swiss-Prot; of the letters that are none of the 20, an upper bound."""

_BASES: Final = (b"A", b"C", b"G", b"T", b"U", b"N")
_IUPAC: Final = b"ACGTUNRYSWKMBDHVX"
_LEAST_SHARE: Final = 0.75

_CODES: Final = frozenset(
    b"ALA ARG ASN ASP CYS GLN GLU GLY HIS ILE LEU LYS MET PHE PRO SER THR TRP TYR VAL "
    b"ASX GLX XAA UNK SEC PYL MSE TER".split()
)
_DIFFERENT_CODES: Final = 4

_STATES: Final = (b"HEC", b"HEL", b"HECGIBTS", b"HECGIBTSP", b"HELGIBTS")
"""Three with C or L for loops, DSSP's eight, nine since it knows PPII helices; likelier ones last.
Loops that are written as gaps are dropped."""

WORDS: Final = (
    *(b"ACCESSION", b"BADREQUEST", b"CONNECTION", b"DOCTYPE", b"ERROR", b"EXCEPTION"),
    *(b"FORBIDDEN", b"NODATA", b"NORESULT", b"NOSUCH", b"NOTAVAILABLE", b"NOTFOUND", b"OBSOLETE"),
    *(b"PROTEIN", b"REMOVED", b"SEQUENCE", b"TIMEDOUT", b"TIMEOUT", b"TOOMANY", b"UNAUTHORIZED"),
    *(b"UNAVAILABLE", b"UNDEFINED", b"UNKNOWN"),
)
"""Of error pages and placeholders. Each has an O or a U, which hardly a protein has."""

_NOTHING: Final = frozenset(
    b"None NONE none NaN nan na null Null NULL Missing MISSING missing TBD tbd".split()
)
"""What programs write where there is no sequence."""

_PIR: Final = re.compile(rb"(?i)(?:P1|F1|DL|DC|RL|RC|N1|N3|XX);")
_LEAST_TOKENS: Final = 20
_LEAST_ID: Final = 3

LONGEST_ID: Final = 40
"""A longer id of letters alone is a sequence that names itself."""

_STRUCTURE: Final = b"acdefghiklmnpqrstvwy"
"""Foldseek's 3Di (van Kempen et al. 2023, doi 10.1038/s41587-023-01773-0) as ProstT5 reads it."""

_F, _Q, _O, _U = b"FQOU"
"""Numbers: a search for one is ten times as fast as for bytes."""

LEAST_BASES: Final = 6
MOST_BASES: Final = 15
"""Letters of a record that may be DNA, but only in the company of others."""

SHORTEST: Final = 10
"""DNA, codes and secondary structure of fewer letters may be proteins."""


_REFUSALS: Final = {
    NoticeKind.PIR: "this is PIR, where a title follows the header; convert it to FASTA",
    NoticeKind.STRUCTURE_TOKENS: (
        "letters alternate in case, as in SaProt's structure-aware sequences; keep the upper-case "
        "letters only"
    ),
}


@dataclass(frozen=True, slots=True)
class Suspicion:
    """What a record seems to be.

    Attributes:
        detail: What shows it, where the kind does not say it.
        excusable: Whether it is a protein after all if all records of the file are like that.
    """

    kind: NoticeKind
    detail: str = ""
    excusable: bool = False

    @property
    def refusal(self) -> str:
        """Why a file with such a record is refused; empty where it may be a protein yet."""
        return _REFUSALS.get(self.kind, "")


def suspicion(
    record_id: bytes, sequence: bytes, alphabet: Alphabet, *, nucleotides: bool = True
) -> Suspicion | None:
    """Return what a record seems to be, if it seems to be no sequence of the alphabet.

    Args:
        record_id: As it is in the file.
        sequence: As it is in the file, without line feeds.
        alphabet: What the model reads.
        nucleotides: Whether to look for DNA and RNA among proteins.
    """
    if is_pir(record_id):
        # With or without its asterisk: the next line is a title, and would be embedded.
        return Suspicion(NoticeKind.PIR)
    letters = sequence.translate(None, GAPS).rstrip(b"*")
    upper = letters.upper()
    found = None
    if alphabet.nucleotides:
        found = Suspicion(NoticeKind.AMINO_ACIDS) if _is_ambiguous(upper) else None
    elif alphabet.bilingual and _is_structure(letters):
        found = Suspicion(NoticeKind.STRUCTURE)
    elif not alphabet.structures:
        found = _no_protein(letters, upper, nucleotides=nucleotides)
    if found is not None:
        return found
    if may_be_nothing(letters):
        return Suspicion(NoticeKind.WORDS)
    if may_be_id(record_id, letters) and letters in record_id.split(b"|"):
        return Suspicion(NoticeKind.ID_AS_SEQUENCE, excusable=letters == upper)
    return None


def _no_protein(letters: bytes, upper: bytes, *, nucleotides: bool) -> Suspicion | None:
    if len(upper) >= SHORTEST and may_be_coded(upper):
        if _is_three_letter_code(letters, upper):
            return Suspicion(NoticeKind.THREE_LETTER)
        if nucleotides and _is_nucleotides(upper):
            return Suspicion(NoticeKind.NUCLEOTIDES)
        if _is_secondary_structure(upper):
            return Suspicion(NoticeKind.SECONDARY_STRUCTURE)
    if begins_in_both_cases(letters) and _alternates(letters):
        return Suspicion(NoticeKind.STRUCTURE_TOKENS)
    if may_have_words(upper):
        word = next((word for word in WORDS if word in upper), b"")
        if word:
            return Suspicion(NoticeKind.WORDS, detail=word.decode().lower())
    return None


def is_short_nucleotides(sequence: bytes) -> bool:
    """Whether a record is DNA or RNA if most of its file's are; see `Findings.excuse`."""
    if not LEAST_BASES <= len(sequence) <= MOST_BASES:
        return False
    upper = sequence.upper()
    return not upper.translate(None, NUCLEOTIDES) and len(set(upper)) > 1


def may_be_coded(upper: bytes) -> bool:
    """Whether DNA, codes or secondary structure are possible: most proteins have an F or a Q."""
    return _F not in upper and _Q not in upper


def may_have_words(upper: bytes) -> bool:
    """Whether one of `WORDS` is possible."""
    return _O in upper or _U in upper


def may_be_nothing(letters: bytes) -> bool:
    """Whether it is what programs write where there is no sequence."""
    return letters in _NOTHING


def begins_in_both_cases(letters: bytes) -> bool:
    """Whether SaProt's tokens, or codes in Title Case, are possible."""
    return letters[:1].isupper() and letters[1:2].islower()


def may_be_id(record_id: bytes, letters: bytes) -> bool:
    """Whether a sequence may be the id, or an accession in it."""
    return _LEAST_ID <= len(letters) <= LONGEST_ID and letters in record_id


def is_pir(record_id: bytes) -> bool:
    """Whether a header begins as in PIR files: `P1;CRAB_ANAPL`."""
    return record_id[2:3] == b";" and _PIR.match(record_id) is not None


def share_chance(letters: int, share: float) -> float:
    """Return a bound on the chance that a protein has at least that share of A, C, G, T, U and N.

    Chernoff's: exp(−n·KL(s, q)), with s that share and q that of the background.
    """
    expected = sum(FREQUENCY[base.decode()] for base in _BASES)
    if share <= expected:
        return 1.0
    divergence = share * log(share / expected)
    if share < 1:
        divergence += (1 - share) * log((1 - share) / (1 - expected))
    return exp(-letters * divergence)


def _chance(letters: bytes) -> float:
    """Return the chance that a letter is one of these."""
    return sum(FREQUENCY[letter] for letter in letters.decode())


def word_chance(word: bytes) -> float:
    """Return the chance that letters in a row are this word."""
    return prod(FREQUENCY[letter] for letter in word.decode())


_CODE_CHANCE: Final = sum(map(word_chance, _CODES))
_ANY_STATE: Final = b"".join(_STATES)
_STATES_CHANCE: Final = tuple((states, _chance(states)) for states in _STATES)


def _is_nucleotides(upper: bytes) -> bool:
    if not _among(_IUPAC, upper):
        return False
    a, c, g, t, u, n = map(upper.count, _BASES)
    share = (a + c + g + t + u + n) / len(upper)
    return (
        share >= _LEAST_SHARE and all((a, c, g, t + u)) and share_chance(len(upper), share) < CHANCE
    )


def _is_ambiguous(upper: bytes) -> bool:
    """Whether most of a nucleotide sequence's letters are ambiguity codes, as in a protein."""
    codes = len(upper.translate(None, NUCLEOTIDES + b"X"))
    return len(upper) >= SHORTEST and 2 * codes > len(upper)


def _is_structure(letters: bytes) -> bool:
    """Whether it is in lower case, as structures are for a model that reads both."""
    return len(letters) >= SHORTEST and not letters.translate(None, _STRUCTURE)


def _is_three_letter_code(letters: bytes, upper: bytes) -> bool:
    if len(upper) % 3 or upper[:3] not in _CODES or upper[3:6] not in _CODES:
        return False
    codes = [upper[start : start + 3] for start in range(0, len(upper), 3)]
    if not _CODES.issuperset(codes) or _CODE_CHANCE ** len(codes) >= CHANCE:
        return False
    in_title_case = letters == b"".join(code.capitalize() for code in codes)
    return in_title_case or len(set(codes)) >= _DIFFERENT_CODES


def _is_secondary_structure(upper: bytes) -> bool:
    if not _among(_ANY_STATE, upper):
        return False
    states, chance = next((one for one in _STATES_CHANCE if _among(one[0], upper)), (b"", 1.0))
    if not states or chance ** len(upper) >= CHANCE:
        return False
    regular = upper.count(b"H") + upper.count(b"E")
    repeats = sum(one == other for one, other in pairwise(upper))
    return len(set(upper)) > 1 and 4 * regular >= len(upper) and 2 * repeats >= len(upper) - 1


def _among(letters: bytes, upper: bytes) -> bool:
    """Whether there are no other letters than these; the beginning tells it of most."""
    return not upper[:SHORTEST].translate(None, letters) and not upper.translate(None, letters)


def _alternates(letters: bytes) -> bool:
    """Whether letters are upper and lower case by turns, as no masking makes them."""
    pairs = len(letters) % 2 == 0 and len(letters) >= _LEAST_TOKENS
    return pairs and letters[::2].isupper() and letters[1::2].islower()
