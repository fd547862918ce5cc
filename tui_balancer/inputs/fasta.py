"""Reading one FASTA file: any bytes become clean records, or one `InputError`.

`unpacking` and `lines` make text of the bytes, and Biopython's `SimpleFastaParser` records of the
text; this module decides what they are (FASTA or not, of the alphabet or not), `residues` what
each letter becomes.
The scan and the worker consume the same `FastaStream`, so their counts agree.
"""

from __future__ import annotations

import hashlib
import io
import sys
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path

from tui_balancer.failures import FailureCause
from tui_balancer.inputs.findings import Findings
from tui_balancer.inputs.ids import NUL, id_of
from tui_balancer.inputs.lines import FastaText
from tui_balancer.inputs.locating import InputError, header_of, misplaced
from tui_balancer.inputs.records import ProteinRecord, ReadingRules
from tui_balancer.inputs.residues import clean, count_nucleotides
from tui_balancer.inputs.segments import Stretch
from tui_balancer.inputs.suspects import is_short_nucleotides, suspicion
from tui_balancer.inputs.text import terminal_safe
from tui_balancer.inputs.unpacking import BrokenPacking, UnreadableContent
from tui_balancer.notices import REASONS, NoticeKind

NUCLEOTIDE_SHARE = 0.95
NUCLEOTIDE_MINIMUM = 1000
"""From this many letters on, a file with that share of A, C, G, T, U and N is refused."""

LONG_KINDS = {
    "truncate": NoticeKind.TRUNCATED,
    "window": NoticeKind.WINDOWED,
    "skip": NoticeKind.TOO_LONG,
}
"""What `--long` makes of a sequence that is too long."""


def looks_like_nucleotides(letters: int, nucleotides: int) -> bool:
    """Whether a file with so many letters, so many of them a nucleic acid's, is none of ours."""
    return letters >= NUCLEOTIDE_MINIMUM and nucleotides >= NUCLEOTIDE_SHARE * letters


class FastaStream:
    """One pass over a FASTA file, or a stretch of it, that holds one record at a time.

    Iterate once; ids are as in the file, thus not always distinct. A record without an id is
    named after its position, `sequence_7`. Whether a file can be used at all is not to be seen
    from a stretch of it.

    Attributes:
        position: Of the newest record in the file, from 1, the empty ones counted.
        duplicates: Records so far whose id had occurred before.
        findings: What is odd about the records so far, but for repeated ids.
        sha256: Of the raw bytes, once the iteration is over.
    """

    def __init__(self, path: Path, rules: ReadingRules, stretch: Stretch | None = None) -> None:
        """Read nothing yet.

        Args:
            stretch: The part to read; None for all.
        """
        self._path = path
        self._rules = rules
        self._stretch = stretch
        self.position = stretch.before if stretch is not None else 0
        self.duplicates = 0
        self.findings = Findings()
        self.sha256 = ""
        self._text = FastaText(self.findings)

    def __iter__(self) -> Iterator[ProteinRecord]:
        """Yield the records that are to be embedded.

        Raises:
            InputError: The file cannot be used; records may have been yielded before.
        """
        return (record for record in self.all_records() if record.residues)

    def all_records(self) -> Iterator[ProteinRecord]:
        """Yield the records, also those that are left out, which have no residues.

        Raises:
            InputError: The file cannot be used; records may have been yielded before.
        """
        try:
            with self._path.open("rb", buffering=0) as raw:
                hashed = _HashingReader(raw, self._stretch)
                yield from self._records(self._text.lines(hashed))
                self.sha256 = hashed.digest.hexdigest()
        except BrokenPacking as error:
            raise InputError(f"line {self._text.line}: {error}", error.cause) from error
        except UnreadableContent as error:
            raise InputError(str(error), error.cause) from error
        except OSError as error:
            text = f"cannot be read: {error.strerror or error}"
            raise InputError(text, FailureCause.UNREADABLE) from error

    def _records(self, text: Iterator[str]) -> Iterator[ProteinRecord]:
        letters = nucleotides = embedded = 0
        seen: set[str] = set()
        alphabet = self._rules.alphabet
        for title, sequence in _parse(_from_header(text)):
            self.position += 1
            if NUL in title:
                raise misplaced(self._path, self.position, alphabet)
            try:
                residues, replaced = clean(sequence, alphabet)
            except ValueError as error:
                raise misplaced(self._path, self.position, alphabet) from error
            record_id = id_of(title, self.position)
            header = title.strip() or record_id
            if not residues:
                self.findings.add(NoticeKind.EMPTY, self.position)
                yield ProteinRecord(record_id, "", 0, header=header)
                continue
            suspect = suspicion(
                record_id.encode(),
                sequence.encode(),
                alphabet,
                nucleotides=self._rules.refuses_nucleotides,
            )
            if suspect is not None:
                if suspect.refusal:
                    line, _ = header_of(self._path, self.position)
                    reason = f"line {line}: {suspect.refusal}"
                    raise InputError(reason, FailureCause.OTHER_FORMAT)
                self.findings.suspect(suspect, self.position)
            elif self._rules.refuses_nucleotides and is_short_nucleotides(residues.encode()):
                self.findings.short_nucleotides(len(residues), self.position)
            letters += len(residues)
            nucleotides += count_nucleotides(residues)
            self.duplicates += record_id in seen
            seen.add(record_id)
            kept = self._kept(residues)
            if len(residues) > self._rules.max_length:
                self.findings.add(LONG_KINDS[self._rules.long], self.position)
            if replaced:
                kind = NoticeKind.AMBIGUOUS if alphabet.nucleotides else NoticeKind.REPLACED
                self.findings.add(kind, self.position, number=replaced)
            if alphabet.nucleotides and "U" in sequence.upper():
                self.findings.add(NoticeKind.URACIL, self.position)
            embedded += bool(kept)
            yield ProteinRecord(record_id, kept, len(residues), replaced, header)
        if self._stretch is None:
            self._judge(letters, nucleotides, embedded)

    def _judge(self, letters: int, nucleotides: int, embedded: int) -> None:
        """Refuse a file by what is in all of it.

        Raises:
            InputError: There is nothing to embed in it, or it is none of the alphabet.
        """
        if not letters:
            if empty := self.findings.counts.get(NoticeKind.EMPTY):
                text = f"none of its {empty} records has residues"
                raise InputError(text, FailureCause.NO_RESIDUES)
            raise InputError("the file is empty", FailureCause.EMPTY)
        if not embedded:
            raise InputError(
                f"all of its sequences are longer than {self._rules.max_length} residues, and "
                "--long skip leaves those out",
                FailureCause.ALL_TOO_LONG,
            )
        sequences = embedded + self.findings.counts.get(NoticeKind.TOO_LONG, 0)
        if self.findings.counts.get(NoticeKind.AMINO_ACIDS) == sequences:
            raise InputError(
                "looks like protein: most of its letters are no bases (the model reads "
                "nucleotides; embed proteins with another --model)",
                FailureCause.PROTEIN,
            )
        if self.findings.counts.get(NoticeKind.STRUCTURE) == sequences:
            raise InputError(
                "looks like structures: all of its sequences are in lower case (--as 3di reads "
                "them; write proteins in upper case)",
                FailureCause.OTHER_FORMAT,
            )
        if self._rules.refuses_nucleotides and (
            looks_like_nucleotides(letters, nucleotides)
            or self.findings.counts.get(NoticeKind.NUCLEOTIDES) == sequences
        ):
            raise InputError(
                f"looks like nucleotides: {nucleotides / letters:.1%} of {letters:,} letters are "
                "A, C, G, T, U or N (--allow-nucleotide reads them as protein)",
                FailureCause.NUCLEOTIDES,
            )
        self.findings.excuse(sequences)
        suspects = self.findings.suspects() if self._rules.strict else []
        if suspects:
            position, kind = suspects[0]
            line, title = header_of(self._path, position)
            shown = terminal_safe(id_of(title, position), 60)
            text = f"line {line}: {shown}: {REASONS[kind]} (--strict)"
            raise InputError(text, FailureCause.SUSPECT)

    def _kept(self, residues: str) -> str:
        """Return what of a sequence is embedded."""
        rules = self._rules
        if len(residues) <= rules.max_length or rules.long == "window":
            return residues
        return residues[: rules.max_length] if rules.long == "truncate" else ""


class _HashingReader:
    """A raw file, or a stretch of it, that hashes all that is read: one pass does both."""

    def __init__(self, raw: io.FileIO, stretch: Stretch | None = None) -> None:
        self._raw = raw
        self._left = stretch.size if stretch is not None else sys.maxsize
        if stretch is not None:
            raw.seek(stretch.begin)
        self.digest = hashlib.sha256()

    def read(self, size: int) -> bytes:
        data = self._raw.read(min(size, self._left)) or b""
        self._left -= len(data)
        self.digest.update(data)
        return data


def _from_header(text: Iterator[str]) -> Iterable[str]:
    """Return the lines from the first header on.

    Raises:
        InputError: Something else than a header comes first.
    """
    for number, line in enumerate(text, start=1):
        if line.startswith(">"):
            return chain((line,), text)
        if not line.isspace():
            found = terminal_safe(line.rstrip("\r\n"), 30)
            format_ = "looks like FASTQ" if line.startswith("@") else "not FASTA"
            reason = f"line {number}: {format_}: '{found}' instead of a '>' header"
            raise InputError(reason, FailureCause.NOT_FASTA)
    return ()


def _parse(lines: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Return the records' titles and sequences."""
    # Biopython takes longer to import than the rest of the app; only a scan needs it.
    from Bio.SeqIO.FastaIO import SimpleFastaParser

    records: Iterator[tuple[str, str]] = SimpleFastaParser(lines)  # type: ignore[no-untyped-call]
    return records
