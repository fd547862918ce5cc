"""What a plain FASTA file holds, counted block by block instead of record by record.

`blocks` divides a block into ids and letters, and what can be said of all records is asked of all
of them at once. What is unusual (packed files, CRLF, gaps, letters that become X, records without
an id) is left to `fasta.FastaStream`, which is slower, says what is wrong and where, and counts
the same.
"""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path

import numpy as np

from tui_balancer.inputs.blocks import Block, Integers, divider, in_alphabet, read_blocks
from tui_balancer.inputs.counts import NOTHING, Counted, Counts, Shard
from tui_balancer.inputs.duplicates import DuplicateIndex
from tui_balancer.inputs.fasta import LONG_KINDS, NUCLEOTIDE_SHARE, looks_like_nucleotides
from tui_balancer.inputs.findings import Findings
from tui_balancer.inputs.records import ReadingRules
from tui_balancer.inputs.segments import Stretch
from tui_balancer.inputs.suspects import (
    LONGEST_ID,
    is_pir,
    is_short_nucleotides,
    may_be_id,
    may_be_nothing,
    suspicion,
)
from tui_balancer.inputs.windows import windows
from tui_balancer.notices import NoticeKind

_SEMICOLON = ord(";")
_A, _O, _U, _Z, _a, _z = b"AOUZaz"


@dataclass(slots=True)
class _Found:
    """What was found so far.

    Attributes:
        size_bytes: Of the file, or the stretch of it.
        letters: Residues of all sequences, before truncation.
        others: Of those, letters that no nucleic acid has; counted until it can be none.
        ids: Hashes of those of all sequences that are not empty, block by block. Two different ids
            with the same one would make a number in a warning wrong, with a chance of one in 10^5
            among 10^7 ids.
        records: All of them so far, and those of the file before the stretch.
        findings: What is odd about them.
    """

    size_bytes: int
    counts: Counts = NOTHING
    letters: int = 0
    others: int = 0
    ids: list[Integers] = field(default_factory=list)
    records: int = 0
    findings: Findings = field(default_factory=Findings)


class _NotPlain(Exception):
    """There is something that only `fasta.FastaStream` reads, or refuses."""


def count_plain(
    path: str | Path,
    rules: ReadingRules,
    duplicate_index: DuplicateIndex | None = None,
    check_stop: Callable[[], None] = lambda: None,
    stretch: Stretch | None = None,
    cuts: Sequence[int] = (),
) -> Counted | None:
    """Count what is in a file, if it is plain and nothing is wrong with it; else return None.

    Args:
        duplicate_index: Notes the pieces; of a file that is not plain, it forgets them again.
        check_stop: Called now and then; may raise to end it early.
        stretch: Of a file that is good as a whole; None for all of it.
        cuts: The bounds of a whole file's segments, see `segments.bounds`. They are counted in the
            same pass, and each is a file in the index.

    Raises:
        OSError: The file cannot be read.
    """
    if rules.alphabet.structures or rules.alphabet.bilingual:
        # Rare, and read by few and slow models.
        return None
    segments: list[Shard] = []
    ends: list[int] = []
    whole = hashlib.sha256()
    # By its name: there may be a million.
    with suppress(_NotPlain), open(path, "rb", buffering=0) as file:  # noqa: PTH123
        part = stretch or Stretch(0, os.fstat(file.fileno()).st_size)
        file.seek(part.begin)
        found = _Found(part.size, records=part.before)
        for begin, end in pairwise(cuts or (part.begin, part.end)):
            before, own = found.records, hashlib.sha256()
            read = _hashing(file, (whole, own) if cuts else (whole,), check_stop)
            counts = _count(found, read_blocks(read, end - begin), rules, duplicate_index)
            if cuts:
                segments.append(Shard(Stretch(begin, end, before), counts, own.hexdigest()))
                ends.append(len(duplicate_index.hashes) if duplicate_index is not None else 0)
        if stretch is None and not _is_good(found, rules):
            raise _NotPlain
        if cuts:
            counts = replace(found.counts, duplicates=_repeats(found.ids))
        if duplicate_index is not None:
            duplicate_index.ends.extend(ends)
        return Counted(counts, whole.hexdigest(), found.findings, tuple(segments))
    if duplicate_index is not None:
        duplicate_index.forget_file()
    return None


def _hashing(
    file: io.FileIO, digests: Collection[hashlib._Hash], check_stop: Callable[[], None]
) -> Callable[[int], bytes]:
    """Return what reads a file and hashes what it reads."""

    def read(size: int) -> bytes:
        check_stop()
        data = file.read(size)
        for digest in digests:
            digest.update(data)
        return data

    return read


def _count(
    found: _Found,
    blocks: Iterable[bytes],
    rules: ReadingRules,
    duplicate_index: DuplicateIndex | None,
) -> Counts:
    """Count the records that follow; return what they hold."""
    counts, first = NOTHING, len(found.ids)
    for block in blocks:
        counts += _add(found, block, rules, duplicate_index)
    found.counts += counts
    return replace(counts, duplicates=_repeats(found.ids[first:]))


def _add(
    found: _Found,
    data: bytes,
    rules: ReadingRules,
    duplicate_index: DuplicateIndex | None,
) -> Counts:
    """Add some whole records; return what they hold, but for repeated ids."""
    alphabet = rules.alphabet
    block = divider().divide(data, alphabet)
    if block is None:
        raise _NotPlain
    letters = block.letters
    if not block.capitals:
        letters = letters.upper()
        if not in_alphabet(letters, alphabet):
            raise _NotPlain
    begins, lengths, ids = block.begins, block.lengths, block.id_hashes
    shortest, longest = int(lengths.min()), int(lengths.max())
    before = found.records + 1
    found.records += len(lengths)
    if _SEMICOLON in data and any(is_pir(block.id_of(number)) for number in range(len(lengths))):
        raise _NotPlain
    for number in _candidates(block, letters, shortest, alphabet.nucleotides):
        place = slice(begins[number], begins[number] + lengths[number])
        suspect = suspicion(
            block.id_of(number),
            block.letters[place],
            alphabet,
            nucleotides=rules.refuses_nucleotides,
        )
        if suspect is not None:
            if suspect.refusal:
                raise _NotPlain
            found.findings.suspect(suspect, before + number)
        elif rules.refuses_nucleotides and is_short_nucleotides(letters[place]):
            found.findings.short_nucleotides(int(lengths[number]), before + number)
    if longest > rules.max_length:
        long = (lengths > rules.max_length).nonzero()[0]
        found.findings.add_all(LONG_KINDS[rules.long], (before + long).tolist())
    if shortest == 0:
        found.findings.add_all(NoticeKind.EMPTY, (before + (lengths == 0).nonzero()[0]).tolist())
        begins, lengths, ids = (one[block.lengths > 0] for one in (begins, lengths, ids))
    found.ids.append(ids)
    found.letters += len(letters)
    # More than the share of the whole file that they may be: nothing turns it back.
    enough = (1 - NUCLEOTIDE_SHARE) * found.size_bytes
    if rules.refuses_nucleotides and found.others <= enough:
        found.others += divider().others(letters, enough - found.others)
    return _counts(letters, begins, lengths, longest > rules.max_length, rules, duplicate_index)


def _candidates(block: Block, letters: bytes, shortest: int, nucleotides: bool) -> list[int]:
    """Return which records may be suspect, as far as that is quickly told.

    Args:
        block: The records.
        letters: Its letters in upper case.
        shortest: Letters of the shortest sequence.
        nucleotides: Whether they are in the alphabet.
    """
    begins, lengths = block.begins, block.lengths
    found = set() if nucleotides else set(block.coded)
    short = (lengths <= LONGEST_ID).nonzero()[0].tolist() if shortest <= LONGEST_ID else ()
    for number in short:
        written = block.letters[begins[number] : begins[number] + lengths[number]]
        if may_be_nothing(written) or may_be_id(block.id_of(number), written):
            found.add(number)
    if block.words:
        each = np.frombuffer(letters, np.uint8)
        places = ((each == _O) | (each == _U)).nonzero()[0]
        found.update(np.searchsorted(begins + lengths, places, side="right").tolist())
    if not block.capitals:
        found.update(_in_both_cases(block))
    return sorted(number for number in found if lengths[number])


def _in_both_cases(block: Block) -> list[int]:
    """Return the sequences that begin with a capital and a small letter."""
    several = (block.lengths > 1).nonzero()[0]
    each, first = np.frombuffer(block.letters, np.uint8), block.begins[several]
    # Of numbers without a sign, those that are too small become too large.
    capital, small = each[first] - _A <= _Z - _A, each[first + 1] - _a <= _z - _a
    both: list[int] = several[capital & small].tolist()
    return both


def _counts(
    letters: bytes,
    begins: Integers,
    lengths: Integers,
    long: bool,
    rules: ReadingRules,
    duplicate_index: DuplicateIndex | None,
) -> Counts:
    """Count what of a block's sequences goes through the model; ids are not counted.

    Args:
        long: Whether some are too long.
    """
    firsts = np.ones(len(lengths), np.bool_)
    if long and rules.long == "truncate":
        lengths = np.minimum(lengths, rules.max_length)
    elif long and rules.long == "skip":
        kept = lengths <= rules.max_length
        begins, lengths, firsts = begins[kept], lengths[kept], firsts[kept]
    embedded, residues = len(lengths), int(lengths.sum())
    if long and rules.long == "window":
        cuts = [
            (begin + start, end - start, start == 0)
            for begin, length in zip(begins.tolist(), lengths.tolist(), strict=True)
            for start, end in windows(length, rules.max_length)
        ]
        begins, lengths, firsts = np.array(cuts).T
    if duplicate_index is not None:
        duplicate_index.extend(letters, begins, lengths, firsts)
    tokens = rules.alphabet.tokens(lengths)
    return Counts(embedded, residues, int(tokens.sum()), int(tokens @ tokens))


def _repeats(ids: list[Integers]) -> int:
    """Return how many ids occurred before, by the hashes of all of them."""
    ordered = np.sort(np.concatenate(ids)) if ids else np.empty(0, np.int64)
    return int(np.count_nonzero(ordered[1:] == ordered[:-1]))


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
