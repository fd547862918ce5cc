"""Attention stays within each sequence, by runs and by one packed call."""

from __future__ import annotations

import inspect

import pytest
import torch
from esm.data import Alphabet
from torch.nn.attention import varlen

from tui_balancer.embedding.families.esm2.weights import packer
from tui_balancer.embedding.forward import attention
from tui_balancer.embedding.forward.attention import (
    HeadAttention,
    RunAttention,
    VarlenAttention,
    choose_attention,
    varlen_is_there,
)
from tui_balancer.embedding.forward.compiled_attention import CompiledAttention
from tui_balancer.embedding.forward.products import OneDnnProducts, PublicProducts
from tui_balancer.embedding.packing import PackedBatch

torch.set_num_threads(1)

CPU = torch.device("cpu")


@pytest.fixture
def batch() -> PackedBatch:
    return packer(Alphabet.from_architecture("ESM-1b")).pack(["MKVLA", "AAAAA", "MK", "M", "G"])


@pytest.fixture
def states(batch: PackedBatch) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(2)
    return [torch.randn(len(batch.tokens), 4, 8, generator=generator) for _ in range(3)]


def _by_hand(states: list[torch.Tensor], lengths: list[int]) -> torch.Tensor:
    """Softmax attention written out, sequence by sequence."""
    parts = []
    for query, key, value in zip(*(one.split(lengths) for one in states), strict=True):
        scores = torch.einsum("ihd,jhd->hij", query, key) / query.shape[-1] ** 0.5
        parts.append(torch.einsum("hij,jhd->ihd", scores.softmax(-1), value))
    return torch.cat(parts)


def test_attention_by_runs_equals_the_formula(
    batch: PackedBatch, states: list[torch.Tensor]
) -> None:
    result = RunAttention(batch)(*states)
    assert torch.allclose(result, _by_hand(states, batch.bounds.diff().tolist()), atol=1e-6)


class Products(OneDnnProducts):
    """Stands in for oneDNN on any machine; counts the rows of what it multiplies."""

    def __init__(self) -> None:
        self.rows: list[int] = []

    def product(self, left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
        self.rows.append(len(left))
        return left @ right.T


def test_long_sequences_take_another_way_to_the_same_attention() -> None:
    # At 16 dimensions a head, 600 tokens and more go head by head: two alike, one longer.
    sequences = ["M" * 100, "M" * 700, "A" * 700, "M" * 900]
    batch = packer(Alphabet.from_architecture("ESM-1b")).pack(sequences)
    generator = torch.Generator().manual_seed(3)
    states = [torch.randn(len(batch.tokens), 2, 16, generator=generator) for _ in range(3)]
    products = Products()
    result = HeadAttention(batch, products)(*states)
    assert torch.allclose(result, _by_hand(states, batch.bounds.diff().tolist()), atol=1e-6)
    assert products.rows == [702] * 8 + [902] * 4


def test_a_cpu_gets_compiled_attention_in_float32_only(
    batch: PackedBatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attention, "attention_library", lambda: "a library")
    assert type(choose_attention(CPU, torch.float32)(batch)) is CompiledAttention
    assert type(choose_attention(CPU, torch.bfloat16)(batch)) is RunAttention


def test_a_cpu_without_a_compiler_gets_attention_by_heads_in_float32_only(
    batch: PackedBatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attention, "attention_library", lambda: None)
    monkeypatch.setattr(attention, "choose_products", lambda device, dtype: Products())
    assert type(choose_attention(CPU, torch.float32)(batch)) is HeadAttention
    assert type(choose_attention(CPU, torch.bfloat16)(batch)) is RunAttention
    assert type(choose_attention(torch.device("mps"), torch.float32)(batch)) is RunAttention


def test_a_cpu_without_a_compiler_and_onednn_gets_attention_by_runs(
    batch: PackedBatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attention, "attention_library", lambda: None)
    monkeypatch.setattr(attention, "choose_products", lambda device, dtype: PublicProducts())
    assert type(choose_attention(CPU, torch.float32)(batch)) is RunAttention


def test_packed_attention_gets_the_bounds_of_the_sequences(
    batch: PackedBatch, states: list[torch.Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    signature = inspect.signature(varlen.varlen_attn)

    def stand_in(*args: object) -> torch.Tensor:
        given = signature.bind(*args).arguments
        bounds = given["cu_seq_q"]
        assert bounds.dtype == given["cu_seq_k"].dtype == torch.int32
        assert given["max_q"] == given["max_k"] == 7
        lengths = bounds.diff().tolist()
        return _by_hand([given["query"], given["key"], given["value"]], lengths)

    monkeypatch.setattr(varlen, "varlen_attn", stand_in)
    result = VarlenAttention(batch)(*states)
    assert torch.allclose(result, RunAttention(batch)(*states), atol=1e-6)


def test_packed_attention_is_for_nvidias_cards_in_half_precision() -> None:
    assert not varlen_is_there(CPU, torch.bfloat16)
    assert not varlen_is_there(torch.device("cuda"), torch.float32)
