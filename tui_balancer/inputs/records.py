"""One FASTA record as it enters the model, and the rules by which it was read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tui_balancer.alphabets import PROTEIN, Alphabet
from tui_balancer.inputs.segments import SEGMENT_BYTES

OF_THE_MODEL = 0
"""Instead of a maximum length: the default of the model's family."""


@dataclass(frozen=True, slots=True)
class ReadingRules:
    """How FASTA is read; part of the run's settings.

    Attributes:
        max_length: Residues that go through the model together; `OF_THE_MODEL` until the model
            is known.
        allow_nucleotide: Read files that look like DNA or RNA as protein nevertheless.
        long: Longer sequences: `truncate` cuts them, `window` keeps them whole, to
            be embedded in windows, `skip` leaves them out.
        segment_bytes: Of a file's segments, see `inputs.segments`.
        strict: Refuse files in which a record seems to be no sequence of the alphabet.
        alphabet: What the model reads.
    """

    max_length: int = 1022
    allow_nucleotide: bool = False
    long: Literal["truncate", "window", "skip"] = "truncate"
    segment_bytes: int = SEGMENT_BYTES
    strict: bool = False
    alphabet: Alphabet = PROTEIN

    @property
    def refuses_nucleotides(self) -> bool:
        """Whether DNA and RNA are in the wrong place."""
        alphabet = self.alphabet
        return not (alphabet.nucleotides or alphabet.structures or self.allow_nucleotide)


@dataclass(frozen=True, slots=True)
class ProteinRecord:
    """One sequence, cleaned and ready for the alphabet.

    Attributes:
        id: First word of the header, kept apart by a suffix when it occurs twice in a file.
        residues: Upper-case letters of the alphabet, at most `max_length` of them unless
            longer sequences go through the model in windows; none of one that is left out.
        length: Residues before truncation; 0 of an empty sequence.
        replaced: Letters read as the unknown one, X or N.
        header: The whole header without the `>`; the id where it is empty.
        repeats: The id that it has in the file, where it is kept apart by a suffix.
    """

    id: str
    residues: str
    length: int
    replaced: int = 0
    header: str = ""
    repeats: str = ""

    @property
    def truncated(self) -> bool:
        """Whether residues were cut off."""
        return self.length > len(self.residues)
