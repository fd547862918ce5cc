"""Sequences laid end to end as tokens: nothing is padded, so nothing is computed in vain."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

import torch

_BEGIN, _END = "<", ">"
"""Stand for special tokens while a batch is text; neither is a letter of an alphabet."""


@dataclass(frozen=True, slots=True)
class Run:
    """Neighbouring sequences of one length: a rectangle, as attention wants it.

    Attributes:
        start: Position of its first token in the batch.
        count: Sequences.
        length: Tokens of each, special tokens included.
    """

    start: int
    count: int
    length: int

    @property
    def tokens(self) -> slice:
        """Its tokens in the batch."""
        return slice(self.start, self.start + self.count * self.length)


@dataclass(frozen=True, slots=True)
class PackedBatch:
    """A batch as the packed forward takes it, with T tokens in all.

    Attributes:
        tokens: The alphabet's numbers; int64 of shape (T,).
        positions: Of each token in its own sequence; int64 of shape (T,).
        bounds: Where the B sequences begin and the last one ends; int32 of shape (B + 1,).
        runs: Where the sequences lie, in order.
        before: Special tokens before the residues of each, which means leave out.
        after: Special tokens after them, likewise.
    """

    tokens: torch.Tensor
    positions: torch.Tensor
    bounds: torch.Tensor
    runs: tuple[Run, ...]
    before: int
    after: int

    @property
    def longest(self) -> int:
        """Tokens of the longest sequence."""
        return max(run.length for run in self.runs)

    def sequences(self) -> list[slice]:
        """Return the tokens of each sequence, special tokens included."""
        return [
            slice(start, start + run.length)
            for run in self.runs
            for start in range(run.start, run.tokens.stop, run.length)
        ]

    def residues(self) -> list[slice]:
        """Return the tokens of each sequence, without special tokens."""
        return [slice(one.start + self.before, one.stop - self.after) for one in self.sequences()]

    @property
    def inner(self) -> slice:
        """The residues among the tokens of a sequence."""
        return slice(self.before, -self.after or None)

    def residue_states(self, states: torch.Tensor) -> Iterator[torch.Tensor]:
        """Yield the residues of each run out of states (T, D): (count, residues, D)."""
        for run in self.runs:
            yield states[run.tokens].view(run.count, run.length, -1)[:, self.inner]

    def moved(self, device: torch.device) -> PackedBatch:
        """Return the batch on a device; from pinned memory the copy overlaps with kernels."""
        if device.type == "cpu":
            return self
        tokens, positions, bounds = (
            (one.pin_memory() if device.type == "cuda" else one).to(device, non_blocking=True)
            for one in (self.tokens, self.positions, self.bounds)
        )
        return replace(self, tokens=tokens, positions=positions, bounds=bounds)


def packed_batch(
    tokens: torch.Tensor, lengths: Sequence[int], before: int = 0, after: int = 0
) -> PackedBatch:
    """Return sequences of tokens as a batch.

    Args:
        tokens: Of all sequences, end to end; int64 of shape (T,).
        lengths: Tokens of each, special tokens included.
        before: See `PackedBatch`.
        after: See `PackedBatch`.
    """
    bounds = torch.tensor((0, *lengths)).cumsum(0)
    positions = torch.arange(len(tokens)) - bounds[:-1].repeat_interleave(bounds.diff())
    runs: list[Run] = []
    start = 0
    for length, group in groupby(lengths):
        runs.append(Run(start, sum(1 for _ in group), length))
        start = runs[-1].tokens.stop
    return PackedBatch(tokens, positions, bounds.int(), tuple(runs), before, after)


class Packer:
    """Turns sequences into packed batches of one alphabet's tokens."""

    def __init__(
        self, tokens: Mapping[str, int], unknown: int, begin: int | None, end: int | None
    ) -> None:
        """Take the numbers of the tokens.

        Args:
            tokens: By their letters.
            unknown: Of other letters.
            begin: Stands before every sequence; None where nothing does.
            end: Stands after it, likewise.
        """
        self._token_of_byte = torch.full((256,), unknown)
        for letter, token in tokens.items():
            self._token_of_byte[ord(letter)] = token
        self._before = self._after = ""
        if begin is not None:
            self._before, self._token_of_byte[ord(_BEGIN)] = _BEGIN, begin
        if end is not None:
            self._after, self._token_of_byte[ord(_END)] = _END, end

    def pack(self, sequences: Sequence[str]) -> PackedBatch:
        """Return the sequences, in their order, as one row of tokens on the CPU."""
        before, after = self._before, self._after
        text = "".join(f"{before}{sequence}{after}" for sequence in sequences)
        letters = torch.frombuffer(bytearray(text, "ascii"), dtype=torch.uint8)
        lengths = [len(before) + len(sequence) + len(after) for sequence in sequences]
        tokens = self._token_of_byte[letters.long()]
        return packed_batch(tokens, lengths, len(before), len(after))
