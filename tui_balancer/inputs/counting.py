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
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from tui_balancer.inputs.blocks import Block, Integers, divider, in_alphabet
from tui_balancer.inputs.counts import NOTHING, Counted, Counts
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

_BLOCK_BYTES = 1 << 18
"""Read at once: small enough to stay in the processor's cache while it is looked at."""

_LONGEST_BLOCKS = 64
"""Of a longer record, 16 MiB, several copies are not to be in memory."""

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
                counts = replace(found.counts, duplicates=_repeats(found.ids))
                return Counted(counts, digest.hexdigest(), found.findings)
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
            yield b"".join((*held, memoryview(data)[:cut]))
            held = [data[cut:]]
        elif len(held) < _LONGEST_BLOCKS:
            held.append(data)
        else:
            yield b""
        data = following


def _add(
    found: _Found,
    data: bytes,
    rules: ReadingRules,
    duplicate_index: DuplicateIndex | None,
) -> bool:
    """Count some whole records; return whether they are plain."""
    alphabet = rules.alphabet
    block = divider().divide(data, alphabet)
    if block is None:
        return False
    letters = block.letters
    if not block.capitals:
        letters = letters.upper()
        if not in_alphabet(letters, alphabet):
            return False
    begins, lengths, ids = block.begins, block.lengths, block.id_hashes
    before = found.records + 1
    found.records += len(lengths)
    if _SEMICOLON in data and any(is_pir(block.id_of(number)) for number in range(len(lengths))):
        return False
    for number in _candidates(block, letters, alphabet.nucleotides):
        place = slice(begins[number], begins[number] + lengths[number])
        suspect = suspicion(
            block.id_of(number),
            block.letters[place],
            alphabet,
            nucleotides=rules.refuses_nucleotides,
        )
        if suspect is not None:
            if suspect.refusal:
                return False
            found.findings.suspect(suspect, before + number)
        elif rules.refuses_nucleotides and is_short_nucleotides(letters[place]):
            found.findings.short_nucleotides(int(lengths[number]), before + number)
    shortest, longest = int(lengths.min()), int(lengths.max())
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
    found.counts += _counts(letters, begins, lengths, rules, duplicate_index)
    return True


def _candidates(block: Block, letters: bytes, nucleotides: bool) -> list[int]:
    """Return which records may be suspect, as far as that is quickly told.

    Args:
        block: The records.
        letters: Its letters in upper case.
        nucleotides: Whether they are in the alphabet.
    """
    begins, lengths = block.begins, block.lengths
    found = set() if nucleotides else set(block.coded)
    for number in (lengths <= LONGEST_ID).nonzero()[0].tolist():
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
    rules: ReadingRules,
    duplicate_index: DuplicateIndex | None,
) -> Counts:
    """Count what of a block's sequences goes through the model; ids are not counted."""
    longest = rules.max_length
    firsts = np.ones(len(lengths), np.bool_)
    long = lengths > longest
    if rules.long == "truncate":
        lengths = np.minimum(lengths, longest)
    elif rules.long == "skip":
        begins, lengths, firsts = begins[~long], lengths[~long], firsts[~long]
    embedded, residues = len(lengths), int(lengths.sum())
    if rules.long == "window" and long.any():
        cuts = [
            (begin + start, end - start, start == 0)
            for begin, length in zip(begins.tolist(), lengths.tolist(), strict=True)
            for start, end in windows(length, longest)
        ]
        begins, lengths, firsts = np.array(cuts).T
    if duplicate_index is not None:
        duplicate_index.extend(letters, begins, lengths, firsts)
    tokens = rules.alphabet.tokens(lengths)
    return Counts(
        sequences=embedded,
        residues=residues,
        tokens=int(tokens.sum()),
        squared_tokens=int(tokens @ tokens),
    )


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
