"""What a plain FASTA file holds, counted block by block instead of record by record.

numpy finds the lines and the headers of a block, and what can be said of all of its residues is
asked of all of them at once. What is unusual (packed files, CRLF, gaps, letters that become X,
records without an id) is left to `fasta.FastaStream`, which is slower, says what is wrong and
where, and counts the same.
"""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tui_balancer.inputs.census import Census
from tui_balancer.inputs.fasta import NUCLEOTIDE_SHARE, looks_like_nucleotides
from tui_balancer.inputs.records import ReadingRules
from tui_balancer.inputs.residues import NUCLEOTIDES
from tui_balancer.inputs.windows import windows

_BLOCK_BYTES = 1 << 18
"""Read at once: small enough to stay in the processor's cache while it is looked at."""

_LONGEST_BLOCKS = 64
"""Of a record that goes on for more, 16 MiB, several copies are not to be in memory."""

_SAMPLE = 24
"""Sequences looked at in one go for letters that no nucleic acid has; few files take many."""

_LINE_FEED, _RETURN, _GREATER, _A, _Z = b"\n\r>AZ"

_MARK = b"\0"
"""Stands before and behind headers, in a text that has none."""

_MORE_SPACES = b"\x1c\x1d\x1e\x1f"
"""That divide words of text, and none of bytes."""

_OTHERS = np.array([letter not in NUCLEOTIDES for letter in range(256)])
"""Whether a byte stands for none of a nucleic acid's letters."""


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
    sha256: str = ""
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
    ids: set[bytes] = field(default_factory=set)
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
    digest = hashlib.sha256()
    with path.open("rb", buffering=0) as file:
        counts = PlainCounts(os.fstat(file.fileno()).st_size)
        for block in _blocks(file, counts.size_bytes, digest.update):
            go_on()
            if not _add(counts, block, rules, special_tokens, census):
                break
        else:
            if _is_good(counts, rules):
                counts.sha256 = digest.hexdigest()
                return counts
    if census is not None:
        census.forget_file()
    return None


def _blocks(file: io.FileIO, size: int, on_read: Callable[[bytes], None]) -> Iterator[bytes]:
    """Yield whole records, about `_BLOCK_BYTES` at a time; an empty block is no protein."""
    wanted = min(size + 1, _BLOCK_BYTES)
    held: list[bytes] = []
    data = file.read(wanted)
    while data:
        on_read(data)
        following = file.read(wanted)
        if cut := data.rfind(b"\n>") + 1 if following else len(data):
            yield b"".join((*held, data[:cut]))
            held = []
        elif len(held) == _LONGEST_BLOCKS:
            yield b""
        held.append(data[cut:])
        data = following


def _add(
    counts: PlainCounts,
    block: bytes,
    rules: ReadingRules,
    special_tokens: int,
    census: Census | None,
) -> bool:
    """Count some whole records; return whether they are plain."""
    if not block.startswith(b">") or _RETURN in block or _MARK in block:
        return False
    text = _marked(block)
    _, *parts = text.split(_MARK)
    headers, cleaned = parts[::2], _cleaned(text, parts[::2], parts[1::2])
    if cleaned is None:
        return False
    if not all(cleaned):
        headers = [header for header, one in zip(headers, cleaned, strict=True) if one]
        counts.skipped += cleaned.count(b"")
        cleaned = [one for one in cleaned if one]
    if (names := _names(headers)) is None:
        return False
    before = len(counts.ids)
    counts.ids.update(names)
    counts.duplicates += len(names) - (len(counts.ids) - before)
    _add_others(counts, cleaned)
    _add_pieces(counts, cleaned, rules, special_tokens, census)
    return True


def _marked(block: bytes) -> bytes:
    """Return records without line feeds, a mark before each header and behind it."""
    copy = bytearray(block)
    letters = np.frombuffer(copy, np.uint8)
    line_feeds = np.flatnonzero(letters == _LINE_FEED)
    starts = np.concatenate([[0], line_feeds[: len(line_feeds) - block.endswith(b"\n")] + 1])
    headers = np.flatnonzero(letters[starts] == _GREATER)
    letters[starts[headers]] = _MARK[0]
    # The last header may have no line feed behind it.
    ends = line_feeds[headers[: len(headers) - (len(line_feeds) == headers[-1])]]
    letters[ends] = _MARK[0]
    text = bytes(copy).replace(b"\n", b"")
    return text if len(ends) == len(headers) else text + _MARK


def _cleaned(text: bytes, headers: list[bytes], sequences: list[bytes]) -> list[bytes] | None:
    """Return sequences in ESM-2's alphabet; None if that takes more than upper case and a stop.

    Args:
        text: All of it.
        headers: That are in it.
        sequences: That are in it, between the headers.
    """
    strangers = _strangers(b"".join(headers)) + 2 * len(headers)
    if _strangers(text) == strangers:
        return sequences
    sequences = [one.upper().rstrip(b"*") for one in sequences]
    return None if _strangers(b"".join(sequences)) else sequences


def _strangers(text: bytes) -> int:
    """Return how many bytes are no letters that ESM-2 has a token for: all capitals but J."""
    beyond = int(np.count_nonzero(np.frombuffer(text, np.uint8) - _A > _Z - _A))
    return beyond + (text.count(b"J") if b"J" in text else 0)


def _names(headers: list[bytes]) -> list[bytes] | None:
    """Return the ids, as `FastaStream` finds them; None if one is missing."""
    told = b"\n".join(headers)
    try:
        if told.isascii() and not any(space in told for space in _MORE_SPACES):
            return [header.split(None, 1)[0] for header in headers]
        text = told.decode(errors="backslashreplace")
        return [header.split(None, 1)[0].encode() for header in text.split("\n")]
    except IndexError:
        return None


def _add_others(counts: PlainCounts, sequences: list[bytes]) -> None:
    """Count the letters that no nucleic acid has, until the file cannot be one."""
    for start in range(0, len(sequences), _SAMPLE):
        # More than the share of the whole file that they may be: nothing turns it back.
        if counts.others > (1 - NUCLEOTIDE_SHARE) * counts.size_bytes:
            break
        sample = b"".join(sequences[start : start + _SAMPLE])
        counts.others += int(np.count_nonzero(_OTHERS[np.frombuffer(sample, np.uint8)]))


def _add_pieces(
    counts: PlainCounts,
    sequences: list[bytes],
    rules: ReadingRules,
    special_tokens: int,
    census: Census | None,
) -> None:
    """Count what of the sequences goes through the model."""
    longest = rules.max_length
    lengths = _lengths(sequences)
    counts.letters += int(lengths.sum())
    firsts = bytes((True,)) * len(sequences)
    long = np.flatnonzero(lengths > longest).tolist()
    if long and rules.long == "truncate":
        counts.truncated += len(long)
        for number in long:
            sequences[number] = sequences[number][:longest]
        lengths = np.minimum(lengths, longest)
    elif long and rules.long == "skip":
        counts.left_out += len(long)
        sequences = [one for one in sequences if len(one) <= longest]
        lengths, firsts = lengths[lengths <= longest], firsts[len(long) :]
    counts.sequences += len(sequences)
    counts.residues += int(lengths.sum())
    if long and rules.long == "window":
        counts.windowed += len(long)
        cuts = [windows(length, longest) for length in lengths.tolist()]
        sequences = [
            one[start:end] for one, own in zip(sequences, cuts, strict=True) for start, end in own
        ]
        lengths = _lengths(sequences)
        firsts = bytes(not number for own in cuts for number in range(len(own)))
    tokens = lengths + special_tokens
    counts.tokens += int(tokens.sum())
    counts.squared_tokens += int(tokens @ tokens)
    if census is not None:
        census.extend(sequences, lengths, firsts)


def _lengths(sequences: list[bytes]) -> npt.NDArray[np.int64]:
    return np.fromiter(map(len, sequences), np.int64, len(sequences))


def _is_good(counts: PlainCounts, rules: ReadingRules) -> bool:
    """Whether there is nothing to say against the file."""
    nucleic = looks_like_nucleotides(counts.letters, counts.letters - counts.others)
    return counts.sequences > 0 and (rules.allow_nucleotide or not nucleic)
