"""Queries and keys are rotated alike: their scores are those of fair-esm's own rotation."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from esm.data import Alphabet
from esm.rotary_embedding import RotaryEmbedding

from tui_balancer.embedding.fairesm.weights import packer
from tui_balancer.embedding.forward import rotation
from tui_balancer.embedding.forward.rotation import ComplexRotation, choose_rotation

HEADS = 3


@pytest.mark.parametrize("width", [4, 6, 16, 24])
@pytest.mark.parametrize("has_compiler", [True, False])
def test_scores_are_those_of_fair_esm(
    width: int, has_compiler: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not has_compiler:
        monkeypatch.setattr(rotation, "attention_library", lambda: None)
    lengths = (9, 4)
    batch = packer(Alphabet.from_architecture("ESM-1b")).pack(["A" * (one - 2) for one in lengths])
    theirs = RotaryEmbedding(width)
    query, key = torch.randn(2, sum(lengths), HEADS, width).unbind()
    # Theirs takes one sequence at a time, heads first.
    expected = []
    for ours in zip(query.split(lengths), key.split(lengths), strict=True):
        turned = theirs(*(one.transpose(0, 1) for one in ours))
        expected.append(torch.einsum("hid,hjd->hij", *turned))

    rotated = choose_rotation(theirs.inv_freq, HEADS)(batch)
    pairs = zip(*(rotated(one.clone()).split(lengths) for one in (query, key)), strict=True)
    scores = [torch.einsum("ihd,jhd->hij", *pair) for pair in pairs]
    assert all(torch.allclose(*two, atol=1e-5) for two in zip(scores, expected, strict=True))


def test_a_processor_rotates_by_compiled_code_and_others_do_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(rotation, "attention_library", lambda: "a library")
    batch = packer(Alphabet.from_architecture("ESM-1b")).pack(["MKV"])
    frequencies = torch.ones(4)
    assert type(choose_rotation(frequencies, HEADS)(batch)) is rotation.CompiledRotation
    elsewhere = replace(batch, positions=batch.positions.to("meta"))
    assert type(choose_rotation(frequencies.to("meta"), HEADS)(elsewhere)) is ComplexRotation
