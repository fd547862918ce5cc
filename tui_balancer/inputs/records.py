"""One FASTA record as it enters the model, and the rules by which it was read."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ReadingRules:
    """How FASTA is read; part of the run's settings.

    Attributes:
        max_length: Residues kept of a sequence.
        allow_nucleotide: Read files that look like DNA or RNA as protein all the same.
    """

    max_length: int = 1022
    allow_nucleotide: bool = False


@dataclass(frozen=True, slots=True)
class ProteinRecord:
    """One sequence, cleaned and ready for the alphabet.

    Attributes:
        id: First word of the header, kept apart by a suffix when it occurs twice in a file.
        residues: Upper-case letters of ESM-2's alphabet, at most `max_length` of them.
        length: Residues before truncation.
        replaced: Letters read as X.
        header: The whole header without the `>`; the id where it is empty.
    """

    id: str
    residues: str
    length: int
    replaced: int = 0
    header: str = ""

    @property
    def truncated(self) -> bool:
        """Whether residues were cut off."""
        return self.length > len(self.residues)
