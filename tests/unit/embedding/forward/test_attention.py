"""Attention stays within each sequence, by runs and by one packed call."""

from __future__ import annotations

import inspect
from collections.abc import Callable

import pytest
import torch
from torch.nn.attention import varlen

from tests.support.attention import by_hand
from tui_balancer.embedding.forward import attention, flex
from tui_balancer.embedding.forward.attention import (
    HeadAttention,
    RunAttention,
    VarlenAttention,
    by_distance,
    choose_attention,
    choose_biased_attention,
    varlen_is_there,
)
from tui_balancer.embedding.forward.compiled_attention import CompiledAttention
from tui_balancer.embedding.forward.flex import FlexAttention
from tui_balancer.embedding.forward.products import OneDnnProducts, PublicProducts
from tui_balancer.embedding.packing import PackedBatch, Packer

torch.set_num_threads(1)

CPU = torch.device("cpu")

PACKER = Packer({}, unknown=3, begin=0, end=2)


@pytest.fixture
def batch() -> PackedBatch:
    return PACKER.pack(["MKVLA", "AAAAA", "MK", "M", "G"])


@pytest.fixture
def states(batch: PackedBatch) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(2)
    return [torch.randn(len(batch.tokens), 4, 8, generator=generator) for _ in range(3)]


@pytest.fixture
def bias() -> torch.Tensor:
    """For sequences of up to 8 tokens."""
    return torch.randn(4, 15, generator=torch.Generator().manual_seed(4))


def test_attention_by_runs_equals_the_formula(
    batch: PackedBatch, states: list[torch.Tensor]
) -> None:
    result = RunAttention(batch)(*states)
    assert torch.allclose(result, by_hand(states, batch.bounds.diff().tolist()), atol=1e-6)


def test_a_bias_is_by_how_much_farther_the_key_is_than_the_query() -> None:
    bias = torch.tensor([[-20.0, -10.0, 0.0, 10.0, 20.0], [2.0, 1.0, 0.0, 1.0, 2.0]])
    assert by_distance(bias, 2).tolist() == [[[0, 10], [-10, 0]], [[0, 1], [1, 0]]]
    assert by_distance(bias, 3)[0].tolist() == [[0, 10, 20], [-10, 0, 10], [-20, -10, 0]]


@pytest.mark.parametrize("scale", [None, 1.0])
@pytest.mark.parametrize("numbers", [1 << 25, 100, 1])
def test_biased_attention_by_runs_equals_the_formula(
    batch: PackedBatch,
    states: list[torch.Tensor],
    bias: torch.Tensor,
    scale: float | None,
    numbers: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(attention, "_BIAS_NUMBERS", numbers)
    result = RunAttention(batch, bias, scale)(*states)
    expected = by_hand(states, batch.bounds.diff().tolist(), bias, scale)
    assert torch.allclose(result, expected, atol=1e-6)


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
    batch = PACKER.pack(sequences)
    generator = torch.Generator().manual_seed(3)
    states = [torch.randn(len(batch.tokens), 2, 16, generator=generator) for _ in range(3)]
    products = Products()
    result = HeadAttention(batch, products)(*states)
    assert torch.allclose(result, by_hand(states, batch.bounds.diff().tolist()), atol=1e-6)
    assert products.rows == [702] * 8 + [902] * 4
    bias = torch.randn(2, 2 * 902 - 1, generator=generator)
    result = HeadAttention(batch, products, bias, 0.1)(*states)
    expected = by_hand(states, batch.bounds.diff().tolist(), bias, 0.1)
    assert torch.allclose(result, expected, atol=1e-6)
    assert products.rows == 2 * ([702] * 8 + [902] * 4)


Chosen = Callable[[torch.device, torch.dtype], type]


@pytest.fixture(params=["plain", "biased"])
def chosen(request: pytest.FixtureRequest, batch: PackedBatch, bias: torch.Tensor) -> Chosen:
    """What is taken for a device and a number format, without a bias and with one."""

    def plain(device: torch.device, dtype: torch.dtype) -> type:
        return type(choose_attention(device, dtype)(batch))

    def biased(device: torch.device, dtype: torch.dtype) -> type:
        return type(choose_biased_attention(device, dtype, 4, 8)(batch, bias))

    return plain if request.param == "plain" else biased


def test_a_cpu_gets_compiled_attention_in_float32_only(
    chosen: Chosen, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attention, "attention_library", lambda: "a library")
    assert chosen(CPU, torch.float32) is CompiledAttention
    assert chosen(CPU, torch.bfloat16) is RunAttention


def test_a_cpu_without_a_compiler_gets_attention_by_heads_in_float32_only(
    chosen: Chosen, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attention, "attention_library", lambda: None)
    monkeypatch.setattr(attention, "choose_products", lambda device, dtype: Products())
    assert chosen(CPU, torch.float32) is HeadAttention
    assert chosen(CPU, torch.bfloat16) is RunAttention
    assert chosen(torch.device("mps"), torch.float32) is RunAttention


def test_a_cpu_without_a_compiler_and_onednn_gets_attention_by_runs(
    chosen: Chosen, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attention, "attention_library", lambda: None)
    monkeypatch.setattr(attention, "choose_products", lambda device, dtype: PublicProducts())
    assert chosen(CPU, torch.float32) is RunAttention


@pytest.mark.parametrize(
    ("answer", "taken"), [("right", FlexAttention), ("wrong", RunAttention), ("none", RunAttention)]
)
def test_a_card_gets_flex_attention_where_that_is_right(
    batch: PackedBatch,
    bias: torch.Tensor,
    answer: str,
    taken: type,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    card = torch.device("cuda")

    def is_right(*given: object) -> bool:
        assert given == ("compiled", card, torch.bfloat16, 4, 8)
        if answer == "none":
            raise RuntimeError("Cannot find a working triton installation")
        return answer == "right"

    monkeypatch.setattr(flex, "compiled_flex", lambda: "compiled")
    monkeypatch.setattr(flex, "flex_is_right", is_right)
    assert type(choose_biased_attention(card, torch.bfloat16, 4, 8)(batch, bias)) is taken
    assert ("which is slower" in caplog.text) is (answer != "right")


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
        return by_hand([given["query"], given["key"], given["value"]], lengths)

    monkeypatch.setattr(varlen, "varlen_attn", stand_in)
    result = VarlenAttention(batch)(*states)
    assert torch.allclose(result, RunAttention(batch)(*states), atol=1e-6)


def test_packed_attention_is_for_nvidias_cards_in_half_precision() -> None:
    assert not varlen_is_there(CPU, torch.bfloat16)
    assert not varlen_is_there(torch.device("cuda"), torch.float32)
