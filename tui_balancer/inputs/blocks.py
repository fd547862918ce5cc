"""Whole FASTA records, divided into ids and letters: by C of our own, or by an expression.

Both divide alike; without a C compiler it takes longer. What is not plain is divided by neither.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator
from ctypes import CDLL, byref, c_char_p, c_double, c_int, c_int64, c_long, c_void_p
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeAlias

import numpy as np

from tui_balancer.alphabets import Alphabet
from tui_balancer.inputs.lines import is_utf8
from tui_balancer.inputs.residues import NUCLEOTIDES
from tui_balancer.inputs.suspects import may_be_coded, may_have_words
from tui_balancer.process.compiled import NotCompiled, compiled

if TYPE_CHECKING:
    import numpy.typing as npt

Integers: TypeAlias = "npt.NDArray[np.int64]"

_SOURCE = Path(__file__).with_name("blocks.c")

_HEADER = re.compile(rb">(?<![^\n]>)([!-~]+)(?:[ \t].*)?(?:\n|\Z)")
"""A header with an id, which is captured; of others the `>` stays where residues should be. It
begins with what is searched for, which is faster than a line feed before it."""

_BLOCK_BYTES = 1 << 18
"""Read at once: small enough to stay in the processor's cache while it is looked at."""

_LONGEST_BLOCKS = 64
"""Of a longer record, 16 MiB, several copies are not to be in memory."""

_SAMPLE_BYTES = 1 << 12
"""Letters looked at in one go for those that no nucleic acid has; few files take many."""

_A, _Z = b"AZ"

_CONTROL, _FOREIGN, _OTHERS, _WORDS = 1, 2, 4, 8
"""What `blocks.c` says of a block."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Block:
    """Some whole records.

    Attributes:
        letters: Of all sequences as in the file, without line feeds and `*` at their ends.
        begins: Where each sequence begins in them.
        lengths: Letters of each sequence.
        id_of: Returns the id of a record, by its number from 0.
        id_hashes: Of each record, see `Divider.hashes`.
        coded: Numbers of the records that may be coded, see `suspects.may_be_coded`.
        capitals: Whether the letters are capitals of the alphabet alone.
        words: Whether there may be words, see `suspects.may_have_words`.
    """

    letters: bytes
    begins: Integers
    lengths: Integers
    id_of: Callable[[int], bytes]
    id_hashes: Integers
    coded: list[int]
    capitals: bool
    words: bool


class Divider(Protocol):
    """A way to divide blocks.

    Attributes:
        portable: Whether other processes have the same hashes.
    """

    portable: bool

    def divide(self, data: bytes, alphabet: Alphabet) -> Block | None:
        """Divide whole records; return None, or letters with a `>`, if they are not plain.

        Args:
            data: Begins with a header, or with the end of the line before it.
            alphabet: What the model reads. At the end of proteins, `*` is left out.
        """

    def others(self, letters: bytes, enough: float) -> int:
        """Return how many letters no nucleic acid has; of more than enough, perhaps not all."""

    def hash(self, piece: bytes) -> int:
        """Return a 64-bit hash, the same for all calls in a process."""

    def hashes(self, text: bytes, begins: Integers, lengths: Integers) -> Integers:
        """Return the hash of each piece of a text."""


class PlainDivider:
    """Python alone."""

    portable = False

    def divide(self, data: bytes, alphabet: Alphabet) -> Block | None:
        """See `Divider.divide`."""
        if b"\r" in data or b"\0" in data or not (data.isascii() or is_utf8(data)):
            return None
        begin, *parts = _HEADER.split(data)
        if begin not in (b"", b"\n") or not parts:
            return None
        ids, sequences = parts[::2], [lines.replace(b"\n", b"") for lines in parts[1::2]]
        if b"*" in data and not alphabet.nucleotides:
            sequences = [one.rstrip(b"*") for one in sequences]
        # Most proteins have an F or a Q; a look for the capitals is quick.
        coded = [
            number
            for number, one in enumerate(sequences)
            if may_be_coded(one) and may_be_coded(one.upper())
        ]
        letters = b"".join(sequences)
        lengths = np.fromiter(map(len, sequences), np.int64, len(sequences))
        capitals = in_alphabet(letters, alphabet)
        return Block(
            letters,
            np.cumsum(lengths) - lengths,
            lengths,
            ids.__getitem__,
            np.fromiter(map(hash, ids), np.int64, len(ids)),
            coded,
            capitals,
            may_have_words(letters if capitals else letters.upper()),
        )

    def others(self, letters: bytes, enough: float) -> int:
        """See `Divider.others`."""
        found = 0
        for start in range(0, len(letters), _SAMPLE_BYTES):
            if found > enough:
                break
            found += len(letters[start : start + _SAMPLE_BYTES].translate(None, NUCLEOTIDES))
        return found

    def hash(self, piece: bytes) -> int:
        """See `Divider.hash`."""
        return hash(piece)

    def hashes(self, text: bytes, begins: Integers, lengths: Integers) -> Integers:
        """See `Divider.hashes`."""
        places = zip(begins.tolist(), (begins + lengths).tolist(), strict=True)
        return np.fromiter((hash(text[begin:end]) for begin, end in places), np.int64, len(begins))


class CompiledDivider:
    """The compiled functions, which let other threads run meanwhile."""

    portable = True

    def __init__(self, library: CDLL) -> None:
        text = (c_char_p, c_long)
        self._headers, self._divide = library.headers, library.divide
        self._headers.argtypes, self._headers.restype = text, c_long
        self._divide.argtypes = (*text, c_int, c_char_p, c_void_p, c_void_p, c_long, c_void_p)
        self._divide.restype = c_long
        self._others, self._hash = library.others, library.hash_piece
        self._others.argtypes, self._others.restype = (*text, c_double), c_long
        self._hash.argtypes, self._hash.restype = text, c_int64
        self._hash_pieces = library.hash_pieces
        self._hash_pieces.argtypes = (c_char_p, c_void_p, c_void_p, c_long, c_void_p)
        self._hash_pieces.restype = None

    def divide(self, data: bytes, alphabet: Alphabet) -> Block | None:
        """See `Divider.divide`."""
        # Where there are few, bytes.count takes six times as long.
        most = self._headers(data, len(data))
        letters, numbers = np.empty(len(data), np.uint8), np.empty((6, most), np.int64)
        facts = c_int64()
        count = self._divide(
            *(data, len(data), not alphabet.nucleotides, alphabet.absent),
            *(letters.ctypes.data, numbers.ctypes.data, most, byref(facts)),
        )
        has = facts.value
        if count < 1 or has & _CONTROL or (has & _FOREIGN and not is_utf8(data)):
            return None
        begins, lengths, id_begins, id_lengths, id_hashes, coded = numbers[:, :count]

        def id_of(number: int) -> bytes:
            begin = id_begins[number]
            return data[begin : begin + id_lengths[number]]

        return Block(
            letters[: begins[-1] + lengths[-1]].tobytes(),
            begins,
            lengths,
            id_of,
            id_hashes,
            coded.nonzero()[0].tolist(),
            not has & _OTHERS,
            bool(has & _WORDS),
        )

    def others(self, letters: bytes, enough: float) -> int:
        """See `Divider.others`."""
        found: int = self._others(letters, len(letters), enough)
        return found

    def hash(self, piece: bytes) -> int:
        """See `Divider.hash`."""
        found: int = self._hash(piece, len(piece))
        return found

    def hashes(self, text: bytes, begins: Integers, lengths: Integers) -> Integers:
        """See `Divider.hashes`."""
        begins, lengths = np.ascontiguousarray(begins), np.ascontiguousarray(lengths)
        hashes = np.empty(len(begins), np.int64)
        places = (begins.ctypes.data, lengths.ctypes.data)
        self._hash_pieces(text, *places, len(begins), hashes.ctypes.data)
        return hashes


def read_blocks(read: Callable[[int], bytes], left: int) -> Iterator[bytes]:
    """Yield whole records, about `_BLOCK_BYTES` at a time; an empty block is no protein.

    Args:
        read: Returns the next bytes, at most so many.
        left: Bytes of the records.
    """
    held: list[bytes] = []
    data = read(min(left, _BLOCK_BYTES))
    while data:
        left -= len(data)
        following = read(min(left, _BLOCK_BYTES)) if left else b""
        cut = data.rfind(b"\n>") if following else len(data)
        if cut >= 0:
            # Most files are a single block, which is not copied.
            yield b"".join((*held, memoryview(data)[:cut] if following else data))
            held = [data[cut:]]
        elif len(held) < _LONGEST_BLOCKS:
            held.append(data)
        else:
            yield b""
        data = following


def in_alphabet(letters: bytes, alphabet: Alphabet) -> bool:
    """Whether there are only capitals of the alphabet."""
    # Of numbers without a sign, those that are too small become too large.
    beyond = np.frombuffer(letters, np.uint8) - _A > _Z - _A
    return not any(letter in letters for letter in alphabet.absent) and not beyond.any()


@cache
def divider() -> Divider:
    """Return the quickest way there is on this machine."""
    try:
        return CompiledDivider(compiled(_SOURCE))
    except NotCompiled as error:
        _log.info("scanning without a C compiler's help, which is slower: %s", error)
        return PlainDivider()
