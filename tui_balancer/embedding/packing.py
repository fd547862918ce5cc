"""Sequences laid end to end as tokens: nothing is padded, so nothing is computed in vain."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

import torch
from esm.data import Alphabet

from tui_balancer.embedding.batching import MARKERS

_BOS, _EOS = "<", ">"
"""Stand for the two markers while a batch is text; neither is a letter of the alphabet."""


@dataclass(frozen=True, slots=True)
class Run:
    """Neighbouring sequences of one length: a rectangle, as attention wants it.

    Attributes:
        start: Position of its first token in the batch.
        count: Sequences.
        length: Tokens of each, BOS and EOS included.
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
    """

    tokens: torch.Tensor
    positions: torch.Tensor
    bounds: torch.Tensor
    runs: tuple[Run, ...]

    @property
    def longest(self) -> int:
        """Tokens of the longest sequence."""
        return max(run.length for run in self.runs)

    def sequences(self) -> list[slice]:
        """Return the tokens of each sequence, BOS and EOS included."""
        return [
            slice(start, start + run.length)
            for run in self.runs
            for start in range(run.start, run.tokens.stop, run.length)
        ]

    def residues(self) -> list[slice]:
        """Return the tokens of each sequence, without BOS and EOS."""
        return [slice(one.start + 1, one.stop - 1) for one in self.sequences()]

    def residue_states(self, states: torch.Tensor) -> Iterator[torch.Tensor]:
        """Yield the residues of each run out of states (T, D): (count, residues, D)."""
        for run in self.runs:
            yield states[run.tokens].view(run.count, run.length, -1)[:, 1:-1]

    def moved(self, device: torch.device) -> PackedBatch:
        """Return the batch on a device; from pinned memory the copy overlaps with kernels."""
        if device.type == "cpu":
            return self
        tokens, positions, bounds = (
            (one.pin_memory() if device.type == "cuda" else one).to(device, non_blocking=True)
            for one in (self.tokens, self.positions, self.bounds)
        )
        return PackedBatch(tokens, positions, bounds, self.runs)


class Packer:
    """Turns sequences into packed batches of one alphabet's tokens."""

    def __init__(self, alphabet: Alphabet) -> None:
        self._token_of_byte = torch.full((256,), alphabet.unk_idx)
        for token in alphabet.all_toks:
            if len(token) == 1:
                self._token_of_byte[ord(token)] = alphabet.get_idx(token)
        self._token_of_byte[ord(_BOS)] = alphabet.cls_idx
        self._token_of_byte[ord(_EOS)] = alphabet.eos_idx

    def pack(self, sequences: Sequence[str]) -> PackedBatch:
        """Return the sequences, in their order, as one row of tokens on the CPU."""
        text = "".join(f"{_BOS}{sequence}{_EOS}" for sequence in sequences)
        letters = torch.frombuffer(bytearray(text, "ascii"), dtype=torch.uint8)
        lengths = [len(sequence) + MARKERS for sequence in sequences]
        bounds = torch.tensor((0, *lengths)).cumsum(0)
        positions = torch.arange(len(letters)) - bounds[:-1].repeat_interleave(bounds.diff())
        runs: list[Run] = []
        start = 0
        for length, group in groupby(lengths):
            runs.append(Run(start, sum(1 for _ in group), length))
            start = runs[-1].tokens.stop
        tokens = self._token_of_byte[letters.long()]
        return PackedBatch(tokens, positions, bounds.int(), tuple(runs))
