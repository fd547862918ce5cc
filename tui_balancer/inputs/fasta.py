"""Reading one protein FASTA file: any bytes become clean records, or one `InputError`.

Biopython's `SimpleFastaParser` splits the text into records; this module decides what the
text is (gzip or not, FASTA or not, protein or not) and what each letter becomes:

| in the file | in the record |
|---|---|
| the 20 amino acids, `U O B Z X`, either case | the upper-case letter |
| `J`, any other letter, `*` inside | `X`, counted as replaced |
| `*` at the end, gaps `-` and `.`, white space | nothing |
| anything else | the file is refused |

The scan and the worker consume the same `FastaStream`, so their counts agree.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import string
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from tui_balancer.inputs.records import ProteinRecord, ReadingRules
from tui_balancer.inputs.text import terminal_safe

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

ALPHABET = "ACDEFGHIKLMNPQRSTVWYXBUZO"
"""Letters that ESM-2 has a token for."""

NUCLEOTIDES = b"ACGTUN"
NUCLEOTIDE_SHARE = 0.95
NUCLEOTIDE_MINIMUM = 1000
"""From this many letters on, a file of nearly nothing but `NUCLEOTIDES` is refused."""

_GZIP_MAGIC = b"\x1f\x8b"
_OTHER_MAGIC = {
    b"PK\x03\x04": "a zip archive",
    b"BZh": "bzip2-compressed",
    b"\xfd7zXZ": "xz-compressed",
    b"\x28\xb5\x2f\xfd": "zstd-compressed",
}
_BUFFER_BYTES = 1 << 20

_FOLD = str.maketrans(string.ascii_lowercase, string.ascii_uppercase, "-." + string.whitespace)
_DROP_ALPHABET = str.maketrans("", "", ALPHABET)


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
    """

    records: tuple[ProteinRecord, ...]
    skipped: int
    duplicates: int
    sha256: str


def read_fasta(path: Path, rules: ReadingRules) -> FastaContent:
    """Read a whole FASTA file.

    Raises:
        InputError: It cannot be used.
    """
    stream = FastaStream(path, rules)
    records = tuple(_keep_apart(list(stream)))
    return FastaContent(records, stream.skipped, stream.duplicates, stream.sha256)


class FastaStream:
    """One pass over a FASTA file, a record at a time, in memory for one record.

    Iterate once; ids are as in the file, thus not always distinct. A record without an id is
    named after its position, `sequence_7`.

    Attributes:
        skipped: Empty sequences so far.
        duplicates: Records so far whose id had occurred before.
        sha256: Of the file's raw bytes, once the iteration is over.
    """

    def __init__(self, path: Path, rules: ReadingRules) -> None:
        self._path = path
        self._rules = rules
        self._lines = _Lines()
        self.skipped = 0
        self.duplicates = 0
        self.sha256 = ""

    def __iter__(self) -> Iterator[ProteinRecord]:
        """Yield the records.

        Raises:
            InputError: The file cannot be used; records may have been yielded before.
        """
        try:
            with self._path.open("rb", buffering=0) as raw:
                hashed = _HashingReader(raw)
                yield from self._records(io.BufferedReader(hashed, _BUFFER_BYTES))
                self.sha256 = hashed.digest.hexdigest()
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise InputError(
                f"line {self._lines.number + 1}: the gzip data is broken or cut short "
                f"({terminal_safe(str(error))})"
            ) from error
        except OSError as error:
            raise InputError(f"cannot be read: {error.strerror or error}") from error

    def _records(self, file: io.BufferedReader) -> Iterator[ProteinRecord]:
        magic = file.peek(8)[:8]
        for prefix, kind in _OTHER_MAGIC.items():
            if magic.startswith(prefix):
                raise InputError(f"{kind}: unpack it first, only gzip is read directly")
        binary = gzip.GzipFile(fileobj=file) if magic.startswith(_GZIP_MAGIC) else file
        # Headers carry names in whatever encoding; residues are ASCII, so a byte that is not
        # UTF-8 is harmless in the one and found by the alphabet in the other.
        text = io.TextIOWrapper(binary, encoding="utf-8-sig", errors="backslashreplace")
        letters = nucleotides = 0
        seen: set[str] = set()
        for position, (title, sequence) in enumerate(_parse(self._lines.of(text)), start=1):
            residues, replaced = self._clean(title, sequence)
            if not residues:
                self.skipped += 1
                continue
            letters += len(residues)
            nucleotides += len(residues) - len(residues.encode().translate(None, NUCLEOTIDES))
            words = title.split(None, 1)
            record_id = words[0] if words else f"sequence_{position}"
            self.duplicates += record_id in seen
            seen.add(record_id)
            kept = residues[: self._rules.max_length]
            yield ProteinRecord(record_id, kept, len(residues), replaced)
        if not letters:
            raise InputError(self._why_nothing())
        if (
            not self._rules.allow_nucleotide
            and letters >= NUCLEOTIDE_MINIMUM
            and nucleotides >= NUCLEOTIDE_SHARE * letters
        ):
            raise InputError(
                f"looks like nucleotides: {nucleotides / letters:.1%} of {letters:,} letters are "
                "A, C, G, T, U or N (--allow-nucleotide reads them as protein)"
            )

    def _clean(self, title: str, sequence: str) -> tuple[str, int]:
        """Return the record's residues and how many of them were read as X."""
        residues = sequence.translate(_FOLD).rstrip("*")
        foreign = residues.translate(_DROP_ALPHABET)
        if not foreign:
            return residues, 0
        for letter in foreign:
            if not (letter.isalpha() or letter == "*"):
                raise InputError(
                    f"line {self._lines.record}: the record "
                    f"'{terminal_safe(title, 40)}' has {letter!a}, which is no residue"
                )
        return residues.translate(dict.fromkeys(map(ord, foreign), "X")), len(foreign)

    def _why_nothing(self) -> str:
        if self.skipped:
            return f"none of its {self.skipped} records has residues"
        return "the file is empty"


def _parse(lines: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Return the records' titles and sequences."""
    # Biopython takes longer to import than the rest of the app; only a scan needs it.
    from Bio.SeqIO.FastaIO import SimpleFastaParser

    records: Iterator[tuple[str, str]] = SimpleFastaParser(lines)  # type: ignore[no-untyped-call]
    return records


class _Lines:
    """Hands lines on to the parser and knows where it is.

    Attributes:
        number: Lines handed on.
        record: Number of the header line of the record that the parser yields next.
    """

    def __init__(self) -> None:
        self.number = 0
        self.record = 0

    def of(self, text: io.TextIOWrapper) -> Iterator[str]:
        """Yield the lines from the first header on.

        Raises:
            InputError: Something else than a header comes first.
        """
        header = 0
        for line in text:
            self.number += 1
            # The parser yields a record when it meets the next header, or the end.
            if line[0] == ">":
                self.record, header = header, self.number
            elif not header:
                if line.isspace():
                    continue
                raise InputError(_not_fasta(line, self.number))
            yield line
        self.record = header


def _not_fasta(line: str, number: int) -> str:
    found = terminal_safe(line.rstrip("\r\n"), 30)
    if line.startswith("@"):
        return f"line {number}: looks like FASTQ ('{found}'), FASTA headers start with '>'"
    return f"line {number}: not FASTA, expected a header that starts with '>' and found '{found}'"


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


def _keep_apart(records: list[ProteinRecord]) -> Iterator[ProteinRecord]:
    """Yield the records with distinct ids: the second `id` becomes `id_2`, the third `id_3`.

    A suffixed id never takes one that stands in the file, before or after.
    """
    taken = {record.id for record in records}
    seen: dict[str, int] = {}
    for record in records:
        count = seen.get(record.id, 0) + 1
        if count == 1:
            seen[record.id] = 1
            yield record
            continue
        while (distinct := f"{record.id}_{count}") in taken:
            count += 1
        seen[record.id] = count
        taken.add(distinct)
        yield replace(record, id=distinct)
