"""Reading one protein FASTA file: any bytes become clean records, or one `InputError`.

Biopython's `SimpleFastaParser` splits the text into records; this module decides what the
text is (packed or not, FASTA or not, protein or not), `residues` what each letter becomes.
The scan and the worker consume the same `FastaStream`, so their counts agree.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from tui_balancer.inputs.records import ProteinRecord, ReadingRules
from tui_balancer.inputs.residues import clean, count_nucleotides, stranger
from tui_balancer.inputs.text import terminal_safe
from tui_balancer.inputs.unpacking import ZIP_MAGIC, BrokenPacking, unpacked

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

NUCLEOTIDE_SHARE = 0.95
NUCLEOTIDE_MINIMUM = 1000
"""From this many letters on, a file with that share of A, C, G, T, U and N is refused."""


class InputError(Exception):
    """A FASTA file that cannot be used, and why: one line, with the line number if there is one."""


@dataclass(frozen=True, slots=True)
class FastaContent:
    """A whole FASTA file.

    Attributes:
        records: Its sequences in file order; ids are distinct.
        skipped: Empty sequences left out.
        duplicates: Sequences whose id had occurred before and got a suffix.
        sha256: Of the file's raw bytes.
        left_out: Sequences longer than `--long skip` takes, without their residues.
    """

    records: tuple[ProteinRecord, ...]
    skipped: int
    duplicates: int
    sha256: str
    left_out: tuple[ProteinRecord, ...] = ()


def read_fasta(path: Path, rules: ReadingRules) -> FastaContent:
    """Read a whole FASTA file.

    Raises:
        InputError: It cannot be used.
    """
    stream = FastaStream(path, rules)
    found = list(_keep_apart(list(stream.all_records())))
    records = tuple(record for record in found if record.residues)
    left_out = tuple(record for record in found if not record.residues)
    return FastaContent(records, stream.skipped, stream.duplicates, stream.sha256, left_out)


def looks_like_nucleotides(letters: int, nucleotides: int) -> bool:
    """Whether a file with so many letters, so many of them a nucleic acid's, is none of ours."""
    return letters >= NUCLEOTIDE_MINIMUM and nucleotides >= NUCLEOTIDE_SHARE * letters


class FastaStream:
    """One pass over a FASTA file that holds one record at a time.

    Iterate once; ids are as in the file, thus not always distinct. A record without an id is
    named after its position, `sequence_7`.

    Attributes:
        skipped: Empty sequences so far.
        duplicates: Records so far whose id had occurred before.
        left_out: Records so far that are too long for `--long skip`.
        sha256: Of the file's raw bytes, once the iteration is over.
    """

    def __init__(self, path: Path, rules: ReadingRules) -> None:
        self._path = path
        self._rules = rules
        self.skipped = 0
        self.duplicates = 0
        self.left_out = 0
        self.sha256 = ""

    def __iter__(self) -> Iterator[ProteinRecord]:
        """Yield the records that are to be embedded.

        Raises:
            InputError: The file cannot be used; records may have been yielded before.
        """
        return (record for record in self.all_records() if record.residues)

    def all_records(self) -> Iterator[ProteinRecord]:
        """Yield the records, those that are left out for their length too, without residues.

        Raises:
            InputError: The file cannot be used; records may have been yielded before.
        """
        try:
            with self._path.open("rb", buffering=0) as raw:
                hashed = _HashingReader(raw)
                with _open_text(hashed) as text:
                    yield from self._records(text)
                self.sha256 = hashed.digest.hexdigest()
        except BrokenPacking as error:
            raise InputError(
                f"line {_last_line(self._path)}: the {error} data is broken or cut short here"
            ) from error
        except OSError as error:
            raise InputError(f"cannot be read: {error.strerror or error}") from error

    def _records(self, text: io.TextIOWrapper) -> Iterator[ProteinRecord]:
        letters = nucleotides = embedded = 0
        seen: set[str] = set()
        for position, (title, sequence) in enumerate(_parse(_from_header(text)), start=1):
            try:
                residues, replaced = clean(sequence)
            except ValueError as error:
                raise InputError(_locate(self._path, position)) from error
            if not residues:
                self.skipped += 1
                continue
            letters += len(residues)
            nucleotides += count_nucleotides(residues)
            words = title.split(None, 1)
            record_id = words[0] if words else f"sequence_{position}"
            self.duplicates += record_id in seen
            seen.add(record_id)
            kept = self._kept(residues)
            self.left_out += not kept
            embedded += bool(kept)
            header = title.strip() or record_id
            yield ProteinRecord(record_id, kept, len(residues), replaced, header)
        if not letters:
            raise InputError(
                f"none of its {self.skipped} records has residues"
                if self.skipped
                else "the file is empty"
            )
        if not embedded:
            raise InputError(
                f"all of its sequences are longer than {self._rules.max_length} residues, and "
                "--long skip leaves those out"
            )
        if not self._rules.allow_nucleotide and looks_like_nucleotides(letters, nucleotides):
            raise InputError(
                f"looks like nucleotides: {nucleotides / letters:.1%} of {letters:,} letters are "
                "A, C, G, T, U or N (--allow-nucleotide reads them as protein)"
            )

    def _kept(self, residues: str) -> str:
        """Return what of a sequence is embedded."""
        rules = self._rules
        if len(residues) <= rules.max_length or rules.long == "window":
            return residues
        return residues[: rules.max_length] if rules.long == "truncate" else ""


class _HashingReader(io.RawIOBase):
    """A raw file that hashes all that is read from it, so that one pass does both."""

    def __init__(self, raw: io.FileIO) -> None:
        self._raw = raw
        self.digest = hashlib.sha256()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        count = self._raw.readinto(buffer)
        self.digest.update(memoryview(buffer)[:count])
        return count


def _open_text(raw: io.RawIOBase) -> io.TextIOWrapper:
    """Return the text of a file, unpacked if need be.

    Raises:
        InputError: It is an archive of files.
    """
    binary = unpacked(raw)
    if binary.peek(len(ZIP_MAGIC)).startswith(ZIP_MAGIC):
        raise InputError("a zip archive: unpack it first")
    # Headers carry names in whatever encoding; residues are ASCII, so a byte that is not
    # UTF-8 does no harm in the one and is found by the alphabet in the other.
    return io.TextIOWrapper(binary, encoding="utf-8-sig", errors="backslashreplace")


def _from_header(text: io.TextIOWrapper) -> Iterable[str]:
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
            raise InputError(f"line {number}: {format_}: '{found}' instead of a '>' header")
    return ()


def _parse(lines: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Return the records' titles and sequences."""
    # Biopython takes longer to import than the rest of the app; only a scan needs it.
    from Bio.SeqIO.FastaIO import SimpleFastaParser

    records: Iterator[tuple[str, str]] = SimpleFastaParser(lines)  # type: ignore[no-untyped-call]
    return records


def _locate(path: Path, position: int) -> str:
    """Return what is wrong in a record, with the line.

    A second pass, so that the first need not count lines.
    """
    headers = 0
    with path.open("rb", buffering=0) as raw, _open_text(raw) as text:
        for number, line in enumerate(text, start=1):
            if line.startswith(">"):
                headers += 1
            elif headers == position and (letter := stranger(line)):
                return f"line {number}: {letter!a} is no residue"
    return "the file changed while it was read"


def _last_line(path: Path) -> int:
    """Return the number of the line in which the readable part of a file ends."""
    number = 1
    try:
        with path.open("rb", buffering=0) as raw, _open_text(raw) as text:
            for _ in text:
                number += 1
    except OSError:
        pass
    return number


def _keep_apart(records: list[ProteinRecord]) -> Iterator[ProteinRecord]:
    """Yield the records with distinct ids: the second `id` becomes `id_2`, the third `id_3`.

    A suffixed id never takes one that stands in the file, before or after.
    """
    taken = {record.id for record in records}
    seen: dict[str, int] = {}
    for record in records:
        count = seen.get(record.id, 0) + 1
        seen[record.id] = count
        if count == 1:
            yield record
            continue
        while (distinct := f"{record.id}_{count}") in taken:
            count += 1
        seen[record.id] = count
        yield replace(record, id=distinct)
