"""What a plain FASTA file holds, counted as fast as a parser in C reads it.

needletail finds the records; they are looked at a thousand together. What is unusual (packed
files, CRLF, gaps, letters that become X, records without an id) is left to `fasta.FastaStream`,
which is slower, says what is wrong and where, and counts the same.
"""

from __future__ import annotations

import hashlib
import mmap
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice
from pathlib import Path

import numpy as np
from needletail import NeedletailError, parse_fastx_file

from tui_balancer.inputs.census import Census
from tui_balancer.inputs.fasta import NUCLEOTIDE_SHARE, looks_like_nucleotides
from tui_balancer.inputs.records import ReadingRules
from tui_balancer.inputs.residues import count_nucleotides
from tui_balancer.inputs.windows import pieces

_BLOCK_BYTES = 16 << 20
_RECORDS = 1000

_RETURN = b"\r"
"""Ends a line as text is read here; needletail drops it only before a line feed."""

_NOT_TEXT = "\N{REPLACEMENT CHARACTER}"
"""Stands for bytes that are no UTF-8, in needletail's words; they may tell two ids apart."""


@dataclass(slots=True)
class PlainCounts:
    """What a file holds; see `scan.FileScan`.

    Attributes:
        size_bytes: Of the file.
        sha256: Of its bytes.
        sequences: That will be embedded.
        residues: Of those, after truncation.
        tokens: Their tokens, BOS and EOS included.
        squared_tokens: Sum of the squares of the tokens of each piece.
        truncated: Sequences that were cut.
        windowed: Sequences in windows.
        left_out: Sequences left out for their length.
        skipped: Empty sequences.
        letters: Residues of all sequences, before truncation.
        others: Of those, letters that no nucleic acid has; counted until it can be none.
        ids: Of all sequences that are not empty.
        duplicates: Of those, how often one had occurred before.
    """

    size_bytes: int
    sha256: str
    sequences: int = 0
    residues: int = 0
    tokens: int = 0
    squared_tokens: int = 0
    truncated: int = 0
    windowed: int = 0
    left_out: int = 0
    skipped: int = 0
    letters: int = 0
    others: int = 0
    ids: set[str] = field(default_factory=set)
    duplicates: int = 0


def count_plain(
    path: Path,
    rules: ReadingRules,
    special_tokens: int,
    census: Census | None = None,
    go_on: Callable[[], None] = lambda: None,
) -> PlainCounts | None:
    """Count what is in a file, if it is plain and nothing is wrong with it; else return None.

    Args:
        path: The file.
        rules: How FASTA is read.
        special_tokens: That the model reads with every piece.
        census: Notes the pieces; of a file that is not plain, it forgets them again.
        go_on: Called now and then; may raise to end it early.

    Raises:
        OSError: The file cannot be read.
    """
    if not (digest := _plain_digest(path, go_on)):
        return None
    counts = PlainCounts(path.stat().st_size, digest)
    try:
        for records in _chunks(path):
            go_on()
            if not _add(counts, records, rules, special_tokens, census):
                break
        else:
            if _is_good(counts, rules):
                return counts
    except NeedletailError:
        pass
    if census is not None:
        census.forget_file()
    return None


def _plain_digest(path: Path, go_on: Callable[[], None]) -> str:
    """Return the SHA-256 of a file that could be plain; nothing for others."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        if file.read(1) != b">":
            return ""
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            for start in range(0, len(data), _BLOCK_BYTES):
                go_on()
                block = data[start : start + _BLOCK_BYTES]
                if _RETURN in block:
                    return ""
                digest.update(block)
    return digest.hexdigest()


def _chunks(path: Path) -> Iterator[list[tuple[str, str]]]:
    """Yield headers and sequences, many at a time."""
    records = ((record.id, record.seq) for record in parse_fastx_file(str(path)))
    while chunk := list(islice(records, _RECORDS)):
        yield chunk


def _add(
    counts: PlainCounts,
    records: Sequence[tuple[str, str]],
    rules: ReadingRules,
    special_tokens: int,
    census: Census | None,
) -> bool:
    """Count some records; return whether they are plain."""
    headers = [header for header, sequence in records if sequence]
    cleaned = _cleaned([sequence for _, sequence in records if sequence])
    if cleaned is None or not all(map(str.strip, headers)):
        return False
    names = [header.split(None, 1)[0] for header in headers]
    if _NOT_TEXT in "".join(names):
        return False
    counts.skipped += len(records) - len(names)
    counts.letters += sum(map(len, cleaned))
    # Once they are more than the share of the whole file that they may be, nothing turns it back.
    if counts.others <= (1 - NUCLEOTIDE_SHARE) * counts.size_bytes:
        text = "".join(cleaned)
        counts.others += len(text) - count_nucleotides(text)
    before = len(counts.ids)
    counts.ids.update(names)
    counts.duplicates += len(names) - (len(counts.ids) - before)
    _add_pieces(counts, cleaned, rules, special_tokens, census)
    return True


def _cleaned(sequences: Sequence[str]) -> Sequence[str] | None:
    """Return sequences in ESM-2's alphabet; None if that takes more than upper case and a stop."""
    if not (text := "".join(sequences)).isascii():
        return None
    letters = text.encode()
    if not letters.isupper():
        letters = letters.upper()
        sequences = [one.upper() for one in sequences]
    if b"*" in letters:
        sequences = [one.rstrip("*") for one in sequences]
        letters = "".join(sequences).encode()
    # Of all capitals, J alone is no letter of ESM-2's.
    plain = letters.isalpha() and b"J" not in letters and all(sequences)
    return sequences if plain else None


def _add_pieces(
    counts: PlainCounts,
    sequences: Sequence[str],
    rules: ReadingRules,
    special_tokens: int,
    census: Census | None,
) -> None:
    """Count what of the sequences goes through the model."""
    longest = rules.max_length
    kept = parts = sequences
    firsts = bytes((True,)) * len(parts)
    if over := sum(len(one) > longest for one in sequences):
        if rules.long == "truncate":
            counts.truncated += over
            kept = parts = [one[:longest] for one in sequences]
        elif rules.long == "skip":
            counts.left_out += over
            kept = parts = [one for one in sequences if len(one) <= longest]
            firsts = firsts[over:]
        else:
            counts.windowed += over
            windows = [list(pieces(one, rules)) for one in sequences]
            parts = list(chain.from_iterable(windows))
            firsts = bytes(not number for one in windows for number in range(len(one)))
    tokens = np.fromiter(map(len, parts), np.int64, len(parts)) + special_tokens
    counts.sequences += len(kept)
    counts.residues += sum(map(len, kept))
    counts.tokens += int(tokens.sum())
    counts.squared_tokens += int((tokens**2).sum())
    if census is not None:
        census.extend(parts, firsts)


def _is_good(counts: PlainCounts, rules: ReadingRules) -> bool:
    """Whether there is nothing to say against the file."""
    nucleic = looks_like_nucleotides(counts.letters, counts.letters - counts.others)
    return counts.sequences > 0 and (rules.allow_nucleotide or not nucleic)
