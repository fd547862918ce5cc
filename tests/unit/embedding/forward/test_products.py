"""Matrix products: every implementation computes the same, and wrong ones are not taken."""

from __future__ import annotations

import pytest
import torch

from tui_balancer.embedding.forward import products
from tui_balancer.embedding.forward.activations import PUBLIC, Activation
from tui_balancer.embedding.forward.products import (
    Linear,
    OneDnnProducts,
    Products,
    PublicProducts,
    SplitProducts,
    choose_products,
)
from tui_balancer.embedding.forward.split_products import BLOCK, SplitLibrary

torch.set_num_threads(1)

CPU = torch.device("cpu")


def activations(numbers: torch.Tensor) -> dict[Activation, torch.Tensor]:
    """The activations by their formulas."""
    cubic = numbers + 0.044715 * numbers**3
    return {
        "gelu": numbers * 0.5 * (1 + torch.erf(numbers / 2**0.5)),
        "gelu_tanh": numbers * 0.5 * (1 + torch.tanh((2 / torch.pi) ** 0.5 * cubic)),
        "relu": numbers.clamp(min=0),
        "silu": numbers / (1 + torch.exp(-numbers)),
    }


@pytest.fixture
def without_units(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(products, "split_library", lambda: None)


@pytest.mark.parametrize("rows", [7, BLOCK])
@pytest.mark.parametrize("candidate", [PublicProducts(), choose_products(CPU, torch.float32)])
def test_products_equal_double_precision(candidate: Products, rows: int) -> None:
    generator = torch.Generator().manual_seed(1)
    inputs = torch.randn(rows, 48, generator=generator)
    layer = Linear(torch.randn(96, 48, generator=generator), torch.randn(96, generator=generator))
    bare = Linear(torch.randn(96, 48, generator=generator))
    residual = torch.randn(rows, 96, generator=generator)
    assert layer.bias is not None
    exact = inputs.double() @ layer.weight.double().T + layer.bias.double()
    factor = inputs.double() @ bare.weight.double().T
    before = residual.clone()
    assert (candidate.linear(inputs, layer) - exact).abs().max() < 1e-4
    assert (candidate.linear(inputs, bare) - factor).abs().max() < 1e-4
    for activation, want in activations(exact).items():
        assert (candidate.activated(inputs, layer, activation) - want).abs().max() < 1e-4
        gated = candidate.gated(inputs, layer, bare, activation)
        assert (gated - want * factor).abs().max() < 2e-4
    assert (candidate.added(inputs, layer, residual) - (exact + residual)).abs().max() < 1e-4
    assert torch.equal(residual, before)


def test_half_precision_products_leave_the_residual_in_float32() -> None:
    layer = Linear(torch.eye(8, dtype=torch.bfloat16), torch.zeros(8, dtype=torch.bfloat16))
    residual = torch.full((2, 8), 1.0 + 2**-20)
    result = choose_products(CPU, torch.bfloat16).added(
        torch.zeros(2, 8, dtype=torch.bfloat16), layer, residual
    )
    assert torch.equal(result, residual)


@pytest.mark.parametrize("candidate", [PublicProducts(), choose_products(CPU, torch.bfloat16)])
def test_half_precision_products_err_by_their_own_rounding(candidate: Products) -> None:
    generator = torch.Generator().manual_seed(4)
    inputs, weight, bias = (
        torch.randn(*shape, generator=generator).bfloat16() for shape in ((7, 48), (96, 48), (96,))
    )
    layer, exact = Linear(weight, bias), inputs.double() @ weight.double().T + bias.double()
    assert ((candidate.linear(inputs, layer) - exact).abs() / exact.abs().max()).max() < 4e-3
    for activation, want in activations(exact).items():
        got = candidate.activated(inputs, layer, activation)
        assert ((got - want).abs() / want.abs().max()).max() < 8e-3
        got, want = candidate.gated(inputs, layer, layer, activation), want * exact
        assert ((got - want).abs() / want.abs().max()).max() < 1.6e-2


class Right(PublicProducts):
    """Stands in for oneDNN on a processor that has units for a format."""

    def product(self, left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
        return left @ right.T


class Shorter(Right):
    """Stands in for oneDNN where a setting makes it compute in a shorter format than it says."""

    def linear(self, inputs: torch.Tensor, layer: Linear) -> torch.Tensor:
        return super().linear(inputs.to(torch.float8_e4m3fn).to(inputs.dtype), layer)


class WithoutUnits(Right):
    """Stands in for oneDNN on a processor that has no units for a format."""

    def product(self, left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
        raise RuntimeError("could not create a primitive descriptor for the inner product")


class Missing(Right):
    """Stands in for oneDNN where torch has none, or calls its operators otherwise."""

    def __init__(self) -> None:
        raise AttributeError("no such operator")


@pytest.mark.usefixtures("without_units")
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_onednn_is_taken_wherever_it_is_right(
    monkeypatch: pytest.MonkeyPatch, dtype: torch.dtype
) -> None:
    monkeypatch.setattr(products, "OneDnnProducts", Right)
    assert type(choose_products(CPU, dtype)) is Right


@pytest.mark.usefixtures("without_units")
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("onednn", [Shorter, WithoutUnits, Missing])
def test_onednn_is_not_taken_where_it_is_wrong_or_cannot(
    monkeypatch: pytest.MonkeyPatch, dtype: torch.dtype, onednn: type[Right]
) -> None:
    monkeypatch.setattr(products, "OneDnnProducts", onednn)
    assert type(choose_products(CPU, dtype)) is PublicProducts


@pytest.mark.parametrize(
    ("device", "dtype"), [("cpu", torch.float16), ("cuda", torch.bfloat16), ("mps", torch.float32)]
)
def test_onednn_is_not_asked_for_what_it_is_not_faster_in(
    monkeypatch: pytest.MonkeyPatch, device: str, dtype: torch.dtype
) -> None:
    monkeypatch.setattr(products, "OneDnnProducts", Right)
    assert type(choose_products(torch.device(device), dtype)) is PublicProducts


class Units(SplitLibrary):
    """Stands in for the compiled products of a processor that has units for them."""

    def __init__(self, error: float = 0.0) -> None:
        self._error, self.rows = error, list[int]()

    def product(
        self,
        inputs: torch.Tensor,
        weight: torch.Tensor,
        bias: torch.Tensor | None = None,
        added: torch.Tensor | None = None,
        times: torch.Tensor | None = None,
        activation: Activation | None = None,
    ) -> torch.Tensor:
        self.rows.append(len(inputs))
        linear = PublicProducts().linear(inputs, Linear(weight, bias)) * (1 + self._error)
        total = linear + (0 if added is None else added)
        activated = total if activation is None else PUBLIC[activation](total)
        return activated * (1 if times is None else times)


def test_a_processors_units_are_taken_for_float32_where_they_are_right(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(products, "OneDnnProducts", Right)
    monkeypatch.setattr(products, "split_library", Units)
    assert type(choose_products(CPU, torch.float32)) is SplitProducts
    assert type(choose_products(CPU, torch.bfloat16)) is Right
    assert type(choose_products(torch.device("mps"), torch.float32)) is PublicProducts


def test_units_that_err_are_not_taken_and_the_log_says_so(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(products, "OneDnnProducts", Right)
    monkeypatch.setattr(products, "split_library", lambda: Units(error=1e-4))
    assert type(choose_products(CPU, torch.float32)) is Right
    assert "err here" in caplog.text


def test_fewer_rows_than_the_units_take_at_once_are_left_to_onednn() -> None:
    try:
        onednn = OneDnnProducts()
    except AttributeError:
        pytest.skip("torch without oneDNN")
    units, layer = Units(), Linear(torch.randn(16, 16))
    split = SplitProducts(units)
    for rows in (BLOCK - 1, BLOCK):
        inputs, other = torch.randn(rows, 16), torch.randn(rows, 16)
        split.linear(inputs, layer)
        split.added(inputs, layer, other)
        split.activated(inputs, layer, "silu")
        split.gated(inputs, layer, layer, "silu")
    assert set(units.rows) == {BLOCK}
    few = torch.randn(BLOCK - 1, 16)
    assert torch.equal(split.linear(few, layer), onednn.linear(few, layer))
