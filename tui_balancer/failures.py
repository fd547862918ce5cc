"""Why a file fails: a cause that code decides on, and one line that a person reads."""

from __future__ import annotations

from enum import Enum
from typing import Final, NamedTuple


class FailureCause(str, Enum):
    """What kind of thing failed a file; the words are stable, the ledger has them."""

    NONE = ""
    UNREADABLE = "unreadable"
    EMPTY = "empty"
    NO_RESIDUES = "no_residues"
    ALL_TOO_LONG = "all_too_long"
    NOT_FASTA = "not_fasta"
    NOT_UTF8 = "not_utf8"
    ARCHIVE = "archive"
    DAMAGED = "damaged"
    FOREIGN_LETTER = "foreign_letter"
    NUCLEOTIDES = "nucleotides"
    PROTEIN = "protein"
    OTHER_FORMAT = "other_format"
    SUSPECT = "suspect"
    CHANGED = "changed"
    OUT_OF_MEMORY = "out_of_memory"
    KILLED_WORKERS = "killed_workers"
    OUTPUT_TAKEN = "output_taken"
    NOT_WRITTEN = "not_written"
    UNEXPECTED = "unexpected"


class Failure(NamedTuple):
    """Why one file has no output.

    Attributes:
        reason: In one line, with what is the file's own: a line, a record, a number.
        cause: What kind of thing that is; equal for files that fail alike.
    """

    reason: str
    cause: FailureCause = FailureCause.UNEXPECTED


class FileError(Exception):
    """Something fails a file; the message is the reason, in one line."""

    def __init__(self, reason: str, cause: FailureCause) -> None:
        super().__init__(reason)
        self.cause = cause


WORDS: Final[dict[FailureCause, str]] = {
    FailureCause.UNREADABLE: "the file cannot be read",
    FailureCause.EMPTY: "the file is empty",
    FailureCause.NO_RESIDUES: "no record of the file has residues",
    FailureCause.ALL_TOO_LONG: "all sequences are too long, and --long skip leaves those out",
    FailureCause.NOT_FASTA: "the file does not begin like FASTA",
    FailureCause.NOT_UTF8: "the file is text, but not UTF-8",
    FailureCause.ARCHIVE: "the file is an archive, or packed twice",
    FailureCause.DAMAGED: "the packed file is damaged or cut short",
    FailureCause.FOREIGN_LETTER: "a sequence has a character that is not a residue",
    FailureCause.NUCLEOTIDES: "the file looks like DNA or RNA",
    FailureCause.PROTEIN: "the file looks like protein, and the model reads nucleotides",
    FailureCause.OTHER_FORMAT: "the records are PIR or structure tokens, not FASTA of proteins",
    FailureCause.SUSPECT: "a record may be no sequence, and --strict refuses it",
    FailureCause.CHANGED: "the file changed during the run",
    FailureCause.OUT_OF_MEMORY: "not enough memory",
    FailureCause.KILLED_WORKERS: "the file killed several workers",
    FailureCause.OUTPUT_TAKEN: "another file is in the output's place",
    FailureCause.NOT_WRITTEN: "the output cannot be written",
}
"""What files that fail for a cause have in common; of others the reasons are compared."""


ADVICE: Final[dict[FailureCause, str]] = {
    FailureCause.UNREADABLE: "Put it back if it is gone; else check its permissions and the disk",
    FailureCause.EMPTY: "Restore the file, or take it out of the inputs",
    FailureCause.NO_RESIDUES: "Restore the sequences, or take the file out of the inputs",
    FailureCause.ALL_TOO_LONG: "Start a new run with --long truncate or --long window",
    FailureCause.NOT_FASTA: "Convert the file to FASTA, or take it out of the inputs",
    FailureCause.NOT_UTF8: "Save it as UTF-8: the reason has the iconv command",
    FailureCause.ARCHIVE: "Unpack it first",
    FailureCause.DAMAGED: "Copy or download the file again",
    FailureCause.FOREIGN_LETTER: "Correct the line that the reason names",
    FailureCause.PROTEIN: "Embed it in a run with a protein model",
    FailureCause.NUCLEOTIDES: "Translate it, or start a new run with --allow-nucleotide",
    FailureCause.OTHER_FORMAT: "Convert the file to FASTA with protein sequences",
    FailureCause.SUSPECT: "Correct the record, or start a new run without --strict",
    FailureCause.CHANGED: "Put the old content back, or accept the new one with --rescan",
    FailureCause.OUT_OF_MEMORY: "Free memory and retry; in a new run lower --batch-tokens",
    FailureCause.KILLED_WORKERS: "Read the worker's log; in a new run lower --batch-tokens",
    FailureCause.OUTPUT_TAKEN: "Move the other file away, then retry",
    FailureCause.NOT_WRITTEN: "Check permissions and space of the output folder, then retry",
    FailureCause.UNEXPECTED: "Read the worker's log, then try again",
}
"""What a person can do about it, in the imperative."""
