"""Packed batches hold fair-esm's tokens, end to end."""

from __future__ import annotations

import torch
from esm.data import Alphabet

from tui_balancer.alphabets import PROTEIN
from tui_balancer.embedding.fairesm.weights import packer
from tui_balancer.embedding.packing import Packer, Run

ALPHABET = Alphabet.from_architecture("ESM-1b")


def test_tokens_are_those_of_fair_esms_converter() -> None:
    for sequence in (PROTEIN.letters, "M", *PROTEIN.letters):
        _, _, tokens = ALPHABET.get_batch_converter()([("", sequence)])
        assert torch.equal(packer(ALPHABET).pack([sequence]).tokens, tokens[0])


def test_neighbours_of_equal_length_are_a_run() -> None:
    batch = packer(ALPHABET).pack(["MKV", "AAA", "M", "GGG"])
    assert batch.runs == (Run(0, 2, 5), Run(10, 1, 3), Run(13, 1, 5))
    assert batch.bounds.tolist() == [0, 5, 10, 13, 18]
    assert batch.bounds.dtype == torch.int32
    assert batch.longest == 5
    assert batch.positions.tolist() == [*range(5), *range(5), *range(3), *range(5)]
    assert len(batch.tokens) == 18
    bos = [0, 5, 10, 13]
    assert (batch.tokens[bos] == ALPHABET.cls_idx).all()
    assert (batch.tokens[[4, 9, 12, 17]] == ALPHABET.eos_idx).all()
    assert (batch.before, batch.after) == (PROTEIN.before, PROTEIN.after)


def test_residues_are_what_stands_between_the_special_tokens() -> None:
    states = torch.arange(20.0).view(10, 2)
    for begin, end, residues in (
        (0, 9, [1, 2, 5, 6]),
        (None, 9, [0, 1, 3, 4]),
        (None, None, [0, 1, 2, 3]),
    ):
        batch = Packer({"A": 1, "C": 2}, 3, begin, end).pack(["AC", "XA"])
        assert batch.tokens.tolist().count(3) == 1
        (run,) = batch.residue_states(states[: len(batch.tokens)])
        assert torch.equal(run, states[residues].view(2, 2, 2))
        kept = torch.cat([batch.tokens[one] for one in batch.residues()])
        assert kept.tolist() == [1, 2, 3, 1]
