"""Packed batches hold fair-esm's tokens, end to end."""

from __future__ import annotations

import torch
from esm.data import Alphabet

from tui_balancer.embedding.families.esm2.weights import packer
from tui_balancer.embedding.packing import Run

ALPHABET = Alphabet.from_architecture("ESM-1b")
LETTERS = "LAGVSERTIDPKQNFYMHWCXBUZO"


def test_tokens_are_those_of_fair_esms_converter() -> None:
    for sequence in (LETTERS, "M", *LETTERS):
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
