"""Which sequences of a run are the same, found while its files are scanned."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from tui_balancer.inputs.blocks import Integers, divider

if TYPE_CHECKING:
    import numpy.typing as npt


@dataclass
class DuplicateIndex:
    """What goes through the model of every file, as hashes: 13 bytes a piece.

    Two pieces with the same 64-bit hash are taken for one another with a chance of one in 10^11
    among 10^4 and of one in 10^5 among 10^7 of them. That would make an estimate wrong, and nothing
    else: workers compare the residues.

    Attributes:
        hashes: Of each piece, of this process alone.
        lengths: Its residues.
        firsts: 1 for the first piece of a sequence, 0 for its further windows.
        known: Returns 1 for each piece whose vectors are stored; None without a store.
        stored: That of each piece; empty without a store.
        ends: Where the pieces of each file end; of one that has segments, those of each of them.
    """

    hashes: array[int] = field(default_factory=lambda: array("q"))
    lengths: array[int] = field(default_factory=lambda: array("i"))
    firsts: bytearray = field(default_factory=bytearray)
    ends: array[int] = field(default_factory=lambda: array("q"))
    known: Callable[[Sequence[bytes]], bytes] | None = None
    stored: bytearray = field(default_factory=bytearray)

    def add(self, piece: bytes, *, first: bool) -> None:
        """Note a piece of the file that is scanned."""
        self.hashes.append(divider().hash(piece))
        self.lengths.append(len(piece))
        self.firsts.append(first)
        if self.known is not None:
            self.stored.extend(self.known([piece]))

    def extend(
        self, text: bytes, begins: Integers, lengths: Integers, firsts: npt.NDArray[np.bool_]
    ) -> None:
        """Note many pieces of a text, see `add`."""
        self.hashes.frombytes(divider().hashes(text, begins, lengths).tobytes())
        self.lengths.frombytes(lengths.astype(np.int32).tobytes())
        self.firsts.extend(firsts.astype(np.bool_).tobytes())
        if self.known is not None:
            places = zip(begins.tolist(), (begins + lengths).tolist(), strict=True)
            self.stored.extend(self.known([text[begin:end] for begin, end in places]))

    def join(self, other: DuplicateIndex) -> None:
        """Note the files of another index, whose hashes are `Divider.portable`."""
        before = len(self.hashes)
        self.hashes += other.hashes
        self.lengths += other.lengths
        self.firsts += other.firsts
        self.ends.extend([before + end for end in other.ends])

    def forget_file(self) -> None:
        """Forget the pieces of the file that is scanned."""
        start = self.ends[-1] if self.ends else 0
        del self.hashes[start:], self.lengths[start:], self.firsts[start:], self.stored[start:]

    def forget_files(self, files: int) -> None:
        """Forget all files but the first ones."""
        del self.ends[files:]
        self.forget_file()

    def end_file(self, *, usable: bool) -> None:
        """Note that a file is scanned; the pieces of one that cannot be used do not count."""
        if not usable:
            self.forget_file()
        self.ends.append(len(self.hashes))
