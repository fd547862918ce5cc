"""What a plain FASTA file holds, counted block by block instead of record by record.

One expression divides a block into headers and sequences, and what can be said of all residues
is asked of all of them at once. What is unusual (packed files, CRLF, gaps, letters that become X,
records without an id) is left to `fasta.FastaStream`, which is slower, says what is wrong and
where, and counts the same.
"""

from __future__ import annotations

import hashlib
import io
import os
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tui_balancer.alphabets import Alphabet
from tui_balancer.inputs.counts import NOTHING, Counted, Counts
from tui_balancer.inputs.duplicates import DuplicateIndex
from tui_balancer.inputs.fasta import LONG_KINDS, NUCLEOTIDE_SHARE, looks_like_nucleotides
from tui_balancer.inputs.findings import Findings
from tui_balancer.inputs.lines import is_utf8
from tui_balancer.inputs.records import ReadingRules
from tui_balancer.inputs.residues import NUCLEOTIDES
from tui_balancer.inputs.segments import Stretch
from tui_balancer.inputs.suspects import (
    LONGEST_ID,
    begins_in_both_cases,
    is_pir,
    is_short_nucleotides,
    may_be_id,
    may_be_nothing,
    may_have_words,
    suspicion,
)
from tui_balancer.inputs.windows import windows
from tui_balancer.notices import NoticeKind

_BLOCK_BYTES = 1 << 18
"""Read at once: small enough to stay in the processor's cache while it is looked at."""

_LONGEST_BLOCKS = 64
"""Of a longer record, 16 MiB, several copies are not to be in memory."""

_SAMPLE_BYTES = 1 << 12
"""Letters looked at in one go for those that no nucleic acid has; few files take many."""

_HEADER = re.compile(rb">(?<![^\n]>)([!-~]+)(?:[ \t].*)?(?:\n|\Z)")
"""A header with an id, which is captured; of others the `>` stays where residues should be. It
begins with what is searched for, which is faster than a line feed before it."""

_SEMICOLON = ord(";")
_A, _F, _Q, _Z = b"AFQZ"


@dataclass(slots=True)
class _Found:
    """What was found so far.

    Attributes:
        size_bytes: Of the file, or the stretch of it.
        letters: Residues of all sequences, before truncation.
        others: Of those, letters that no nucleic acid has; counted until it can be none.
        ids: Of all sequences that are not empty.
        records: All of them so far, and those of the file before the stretch.
        findings: What is odd about them.
    """

    size_bytes: int
    counts: Counts = NOTHING
    letters: int = 0
    others: int = 0
    ids: set[bytes] = field(default_factory=set)
    records: int = 0
    findings: Findings = field(default_factory=Findings)


def count_plain(
    path: Path,
    rules: ReadingRules,
    duplicate_index: DuplicateIndex | None = None,
    check_stop: Callable[[], None] = lambda: None,
    stretch: Stretch | None = None,
) -> Counted | None:
    """Count what is in a file, if it is plain and nothing is wrong with it; else return None.

    Args:
        duplicate_index: Notes the pieces; of a file that is not plain, it forgets them again.
        check_stop: Called now and then; may raise to end it early.
        stretch: Of a file that is good as a whole; None for all of it.

    Raises:
        OSError: The file cannot be read.
    """
    if rules.alphabet.structures or rules.alphabet.bilingual:
        # Rare, and read by few and slow models.
        return None
    digest = hashlib.sha256()
    with path.open("rb", buffering=0) as file:
        part = stretch or Stretch(0, os.fstat(file.fileno()).st_size)
        found = _Found(part.size, records=part.before)
        for block in _blocks(file, part, digest.update):
            check_stop()
            if not _add(found, block, rules, duplicate_index):
                break
        else:
            if stretch is not None or _is_good(found, rules):
                return Counted(found.counts, digest.hexdigest(), found.findings)
    if duplicate_index is not None:
        duplicate_index.forget_file()
    return None


def _blocks(file: io.FileIO, part: Stretch, on_read: Callable[[bytes], None]) -> Iterator[bytes]:
    """Yield whole records, about `_BLOCK_BYTES` at a time; an empty block is no protein."""
    if part.begin:
        file.seek(part.begin)
    left = part.size
    held: list[bytes] = []
    data = file.read(min(left, _BLOCK_BYTES))
    while data:
        on_read(data)
        left -= len(data)
        following = file.read(min(left, _BLOCK_BYTES))
        cut = data.rfind(b"\n>") if following else len(data)
        if cut >= 0:
            yield b"".join((*held, data[:cut]))
            held = [data[cut:]]
        elif len(held) < _LONGEST_BLOCKS:
            held.append(data)
        else:
            yield b""
        data = following


def _add(
    found: _Found,
    block: bytes,
    rules: ReadingRules,
    duplicate_index: DuplicateIndex | None,
) -> bool:
    """Count some whole records; return whether they are plain."""
    if b"\r" in block or b"\0" in block or not (block.isascii() or is_utf8(block)):
        return False
    begin, *parts = _HEADER.split(block)
    # All but the first block of a file begin with the end of a line.
    if begin not in (b"", b"\n") or not parts:
        return False
    ids, sequences = parts[::2], [lines.replace(b"\n", b"") for lines in parts[1::2]]
    alphabet = rules.alphabet
    written, absent = sequences, alphabet.absent
    text = b"".join(sequences)
    if not _in_alphabet(text, absent):
        if not alphabet.nucleotides:
            written = [one.rstrip(b"*") for one in sequences]
        sequences = [one.upper() for one in written]
        text = b"".join(sequences)
        if not _in_alphabet(text, absent):
            return False
    lengths = _lengths(sequences)
    positions: Sequence[int] = range(found.records + 1, found.records + 1 + len(sequences))
    found.records += len(sequences)
    if _SEMICOLON in block and any(map(is_pir, ids)):
        return False
    for number in _candidates(ids, written, sequences, lengths, text, alphabet):
        suspect = suspicion(
            ids[number], written[number], alphabet, nucleotides=rules.refuses_nucleotides
        )
        if suspect is not None:
            if suspect.refusal:
                return False
            found.findings.suspect(suspect, positions[number])
        elif rules.refuses_nucleotides and is_short_nucleotides(sequences[number]):
            found.findings.short_nucleotides(len(sequences[number]), positions[number])
    if b"" in sequences:
        empty = [place for place, one in zip(positions, sequences, strict=True) if not one]
        found.findings.add_all(NoticeKind.EMPTY, empty)
        positions = [place for place, one in zip(positions, sequences, strict=True) if one]
        ids = [id for id, one in zip(ids, sequences, strict=True) if one]
        sequences = [one for one in sequences if one]
        lengths = lengths[lengths > 0]
    known = len(found.ids)
    found.ids.update(ids)
    duplicates = len(ids) - (len(found.ids) - known)
    _add_letters(found, text, rules)
    long = (lengths > rules.max_length).nonzero()[0].tolist()
    if long:
        found.findings.add_all(LONG_KINDS[rules.long], [positions[number] for number in long])
    found.counts += _counts(sequences, lengths, long, rules, duplicate_index, duplicates)
    return True


def _candidates(
    ids: list[bytes],
    written: list[bytes],
    sequences: list[bytes],
    lengths: npt.NDArray[np.int64],
    text: bytes,
    alphabet: Alphabet,
) -> list[int]:
    """Return which records may be suspect, as far as that is quickly told.

    Args:
        written: Their sequences as in the file.
        sequences: The same in upper case.
    """
    # Of most blocks this is all that takes time: `may_be_coded`, without a call for each record.
    found = (
        []
        if alphabet.nucleotides
        else [number for number, one in enumerate(sequences) if _F not in one and _Q not in one]
    )
    short = (lengths <= LONGEST_ID).nonzero()[0].tolist()
    if short:
        found += [number for number in short if may_be_id(ids[number], written[number])]
    if may_have_words(text):
        found += [number for number, one in enumerate(sequences) if may_have_words(one)]
    if written is not sequences:
        found += [
            number
            for number, one in enumerate(written)
            if begins_in_both_cases(one) or may_be_nothing(one)
        ]
    return sorted(number for number in set(found) if lengths[number]) if found else found


def _in_alphabet(text: bytes, absent: bytes) -> bool:
    """Whether there are only capitals, and none of those that the alphabet has not."""
    beyond = np.frombuffer(text, np.uint8) - _A > _Z - _A
    return not any(letter in text for letter in absent) and not beyond.any()


def _add_letters(found: _Found, text: bytes, rules: ReadingRules) -> None:
    """Count letters, and until the file cannot be a nucleic acid those that none has."""
    found.letters += len(text)
    if not rules.refuses_nucleotides:
        return
    for start in range(0, len(text), _SAMPLE_BYTES):
        # More than the share of the whole file that they may be: nothing turns it back.
        if found.others > (1 - NUCLEOTIDE_SHARE) * found.size_bytes:
            break
        sample = text[start : start + _SAMPLE_BYTES]
        found.others += len(sample.translate(None, NUCLEOTIDES))


def _counts(
    sequences: list[bytes],
    lengths: npt.NDArray[np.int64],
    long: list[int],
    rules: ReadingRules,
    duplicate_index: DuplicateIndex | None,
    duplicates: int,
) -> Counts:
    """Count what of a block's sequences, `long` of them too long, goes through the model."""
    longest = rules.max_length
    firsts = bytes((True,)) * len(sequences)
    if long and rules.long == "truncate":
        for number in long:
            sequences[number] = sequences[number][:longest]
        lengths = np.minimum(lengths, longest)
    elif long and rules.long == "skip":
        sequences = [one for one in sequences if len(one) <= longest]
        lengths, firsts = lengths[lengths <= longest], firsts[len(long) :]
    embedded, residues = len(sequences), int(lengths.sum())
    if long and rules.long == "window":
        cuts = [windows(length, longest) for length in lengths.tolist()]
        sequences = [
            one[start:end] for one, own in zip(sequences, cuts, strict=True) for start, end in own
        ]
        lengths = _lengths(sequences)
        firsts = bytes(not number for own in cuts for number in range(len(own)))
    if duplicate_index is not None:
        duplicate_index.extend(sequences, lengths, firsts)
    tokens = rules.alphabet.tokens(lengths)
    return Counts(
        sequences=embedded,
        residues=residues,
        tokens=int(tokens.sum()),
        squared_tokens=int(tokens @ tokens),
        duplicates=duplicates,
    )


def _lengths(sequences: list[bytes]) -> npt.NDArray[np.int64]:
    return np.fromiter(map(len, sequences), np.int64, len(sequences))


def _is_good(found: _Found, rules: ReadingRules) -> bool:
    """Whether there is nothing to say against the file."""
    sequences = found.counts.sequences + found.findings.counts.get(NoticeKind.TOO_LONG, 0)
    nucleic = (
        looks_like_nucleotides(found.letters, found.letters - found.others)
        or found.findings.counts.get(NoticeKind.NUCLEOTIDES) == sequences
    )
    found.findings.excuse(sequences)
    return (
        found.counts.sequences > 0
        and not (rules.refuses_nucleotides and nucleic)
        and not (rules.strict and found.findings.suspects())
    )
