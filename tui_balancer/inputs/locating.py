"""Where in a FASTA file something is: a second pass, so that the first need not count lines."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from tui_balancer.alphabets import Alphabet
from tui_balancer.failures import FailureCause, FileError
from tui_balancer.inputs.ids import NUL
from tui_balancer.inputs.lines import FastaText
from tui_balancer.inputs.residues import AMINO_ACIDS_ONLY, NO_RESIDUES, foreign_letter
from tui_balancer.inputs.unpacking import UnreadableContent

_HINTS = {
    "<": " (a web page in place of a sequence?)",
    "#": " (one of SaProt's structure-aware tokens?)",
}


class InputError(FileError):
    """A FASTA file that cannot be used, and why: one line, with the line number if there is one."""


def headers(path: Path) -> Iterator[tuple[int, str, bool]]:
    """Yield the line, the header without the `>`, and whether there are residues, of each record.

    Raises:
        InputError: It is no text.
        OSError: It cannot be read.
    """
    begin, title, full = 0, "", False
    for line, found in _numbered_lines(path):
        if found.startswith(">"):
            if begin:
                yield begin, title, full
            begin, title, full = line, found[1:].rstrip(), False
        elif not full:
            full = bool(found.strip(NO_RESIDUES))
    if begin:
        yield begin, title, full


def misplaced(path: Path, position: int, alphabet: Alphabet) -> InputError:
    """Return what is wrong with the letters of a record, with the line.

    Args:
        path: The file.
        position: Of the record, from 1.
        alphabet: What the model reads.
    """
    headers = 0
    for number, line in _numbered_lines(path):
        if line.startswith(">"):
            headers += 1
            if headers == position and NUL in line:
                text = f"line {number}: there is a NUL character in the header; remove it"
                return InputError(text, FailureCause.FOREIGN_LETTER)
        elif headers == position and (letter := foreign_letter(line, alphabet)):
            if alphabet.nucleotides and letter in AMINO_ACIDS_ONLY:
                text = (
                    f"line {number}: looks like protein: {letter!a} is no base (the model reads "
                    "nucleotides; embed proteins with another --model)"
                )
                return InputError(text, FailureCause.PROTEIN)
            hint = _HINTS.get(letter, "")
            text = f"line {number}: {letter!a} is not a residue{hint}"
            return InputError(text, FailureCause.FOREIGN_LETTER)
    return InputError("the file changed while it was read", FailureCause.CHANGED)


def header_of(path: Path, position: int) -> tuple[int, str]:
    """Return the line of a record's header, and the header."""
    line, title, _ = next(islice(headers(path), position - 1, None), (0, "", False))
    return line, title


def _numbered_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the lines of a file once more.

    Raises:
        InputError: It is no text.
        OSError: It cannot be read.
    """
    try:
        with path.open("rb", buffering=0) as raw:
            yield from enumerate(FastaText().lines(raw), start=1)
    except UnreadableContent as error:
        raise InputError(str(error), error.cause) from error
