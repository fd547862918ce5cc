"""The matrix products of a transformer layer, each with what follows it.

In float32 on a CPU, torch sends them to a BLAS that reaches less than half of some
processors' speed; oneDNN, which torch carries too, reaches nearly all of it, and units for
bfloat16, where a processor has them, go beyond it. In bfloat16 torch takes oneDNN itself, but for
an activation goes over the result once more. oneDNN's operators are private and the units are
reached by C of our own, so both are used only where they exist and prove to be right.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import NamedTuple, Protocol

import torch
from torch.nn import functional

from tui_balancer.embedding.forward.activations import PUBLIC, Activation
from tui_balancer.embedding.forward.split_products import BLOCK, SplitLibrary, split_library

_PROBE_ERRORS = {torch.float32: 1e-5, torch.bfloat16: 1e-2}
"""Relative, of the formats that oneDNN is taken for.

float32 errs by 1e-7, the shorter formats that some processors offer instead by 1e-3; bfloat16
by 4e-3, for that is how far apart its numbers are.
"""

_log = logging.getLogger(__name__)

_ONEDNN: Mapping[Activation, tuple[str, str]] = MappingProxyType(
    {
        "gelu": ("gelu", "none"),
        "gelu_tanh": ("gelu", "tanh"),
        "relu": ("relu", ""),
        "silu": ("swish", ""),
    }
)
"""The activations in oneDNN's words: name and algorithm."""


_APART: frozenset[Activation] = (
    frozenset(("gelu", "silu"))
    if torch.backends.cpu.get_cpu_capability() == "AVX2"
    else frozenset()
)
"""Where torch's own pass over a result in float32 is faster than oneDNN's fused activation.

Without AVX-512 the feed-forward's first product is up to a fifth faster with it; with AVX-512 it is
up to a tenth slower, for the pass reads and writes the result once more.
"""


class Linear(NamedTuple):
    """A linear map: weight of shape (out, in), bias of shape (out,) where there is one."""

    weight: torch.Tensor
    bias: torch.Tensor | None = None


class Products(Protocol):
    """What a layer computes with its weights; inputs have shape (T, in) and the weights' dtype."""

    def linear(self, inputs: torch.Tensor, layer: Linear) -> torch.Tensor:
        """Return the linear map of the inputs, of shape (T, out)."""

    def activated(
        self, inputs: torch.Tensor, layer: Linear, activation: Activation
    ) -> torch.Tensor:
        """Return the activation of the linear map."""

    def gated(
        self, inputs: torch.Tensor, gate: Linear, layer: Linear, activation: Activation
    ) -> torch.Tensor:
        """Return the linear map times the activation of another, the gate.

        Shazeer 2020, "GLU variants improve transformer".
        """

    def added(self, inputs: torch.Tensor, layer: Linear, residual: torch.Tensor) -> torch.Tensor:
        """Return the linear map added to the residual, in float32."""


class PublicProducts:
    """torch's public functions: for every device and number format."""

    def linear(self, inputs: torch.Tensor, layer: Linear) -> torch.Tensor:
        """See `Products`."""
        return functional.linear(inputs, layer.weight, layer.bias)

    def activated(
        self, inputs: torch.Tensor, layer: Linear, activation: Activation
    ) -> torch.Tensor:
        """See `Products`."""
        return PUBLIC[activation](self.linear(inputs, layer))

    def gated(
        self, inputs: torch.Tensor, gate: Linear, layer: Linear, activation: Activation
    ) -> torch.Tensor:
        """See `Products`."""
        return self.activated(inputs, gate, activation) * self.linear(inputs, layer)

    def added(self, inputs: torch.Tensor, layer: Linear, residual: torch.Tensor) -> torch.Tensor:
        """See `Products`."""
        return residual + self.linear(inputs, layer)


class OneDnnProducts:
    """oneDNN's products on a CPU, with activation, gate and, in float32, addition fused in.

    They take the weights as they lie in the checkpoint. Re-ordered ones would be 4 % faster,
    at the price of a copy in every worker where all now share the mapped file.
    """

    def __init__(self) -> None:
        self._product = torch.ops.mkldnn._linear_pointwise

    def product(self, left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
        """Return left · rightᵀ of contiguous matrices of shapes (M, K) and (N, K)."""
        result: torch.Tensor = self._product(left, right, None, "none", [], "")
        return result

    def linear(self, inputs: torch.Tensor, layer: Linear) -> torch.Tensor:
        """See `Products`."""
        result: torch.Tensor = self._product(inputs, *layer, "none", [], "")
        return result

    def activated(
        self, inputs: torch.Tensor, layer: Linear, activation: Activation
    ) -> torch.Tensor:
        """See `Products`."""
        if activation in _APART and inputs.dtype == torch.float32:
            return PUBLIC[activation](self.linear(inputs, layer))
        name, algorithm = _ONEDNN[activation]
        result: torch.Tensor = self._product(inputs, *layer, name, [], algorithm)
        return result

    def gated(
        self, inputs: torch.Tensor, gate: Linear, layer: Linear, activation: Activation
    ) -> torch.Tensor:
        """See `Products`."""
        gates = self.activated(inputs, gate, activation)
        result: torch.Tensor = self._product.binary(inputs, gates, *layer, "mul")
        return result

    def added(self, inputs: torch.Tensor, layer: Linear, residual: torch.Tensor) -> torch.Tensor:
        """See `Products`."""
        if inputs.dtype != residual.dtype:
            return residual + self.linear(inputs, layer)
        result: torch.Tensor = self._product.binary(inputs, residual, *layer, "add")
        return result


class SplitProducts(OneDnnProducts):
    """Products in float32 by a CPU's units for bfloat16; few rows are left to oneDNN."""

    def __init__(self, library: SplitLibrary) -> None:
        """Take what computes them."""
        super().__init__()
        self._library = library

    def linear(self, inputs: torch.Tensor, layer: Linear) -> torch.Tensor:
        """See `Products`."""
        if len(inputs) < BLOCK:
            return super().linear(inputs, layer)
        return self._library.product(inputs, *layer)

    def activated(
        self, inputs: torch.Tensor, layer: Linear, activation: Activation
    ) -> torch.Tensor:
        """See `Products`."""
        if len(inputs) < BLOCK:
            return super().activated(inputs, layer, activation)
        return self._library.product(inputs, *layer, activation=activation)

    def gated(
        self, inputs: torch.Tensor, gate: Linear, layer: Linear, activation: Activation
    ) -> torch.Tensor:
        """See `Products`."""
        if len(inputs) < BLOCK:
            return super().gated(inputs, gate, layer, activation)
        gates = self.activated(inputs, gate, activation)
        return self._library.product(inputs, *layer, times=gates)

    def added(self, inputs: torch.Tensor, layer: Linear, residual: torch.Tensor) -> torch.Tensor:
        """See `Products`."""
        if len(inputs) < BLOCK:
            return super().added(inputs, layer, residual)
        return self._library.product(inputs, *layer, added=residual)


def choose_products(device: torch.device, dtype: torch.dtype) -> Products:
    """Return the fastest products that are right for a device and a number format."""
    if device.type != "cpu" or dtype not in _PROBE_ERRORS:
        return PublicProducts()
    if dtype == torch.float32 and (library := split_library()) is not None:
        if _are_right(lambda: SplitProducts(library), dtype):
            return SplitProducts(library)
        _log.warning("the products by AMX err here: multiplying without it, which is slower")
    if _are_right(OneDnnProducts, dtype):
        return OneDnnProducts()
    return PublicProducts()


def _are_right(make: Callable[[], OneDnnProducts], dtype: torch.dtype) -> bool:
    """Whether products exist here and compute in the number format they say.

    On processors with matrix units, a setting can make oneDNN compute float32 in a shorter one.
    """
    generator = torch.Generator().manual_seed(0)
    inputs, weight, gate, bias = (
        torch.randn(*shape, generator=generator).to(dtype)
        for shape in ((64, 320), (320, 320), (320, 320), (320,))
    )
    residual = torch.randn(64, 320, generator=generator)
    given = (inputs, Linear(weight, bias), Linear(gate), residual)
    doubles = (
        inputs.double(),
        Linear(weight.double(), bias.double()),
        Linear(gate.double()),
        residual.double(),
    )
    exact = _computed(PublicProducts(), *doubles)
    try:
        products = make()
        got = _computed(products, *given)
        got.append(products.product(inputs, weight))
    except (AttributeError, RuntimeError, TypeError):
        return False
    exact.append(inputs.double() @ weight.double().T)
    error = _PROBE_ERRORS[dtype]
    return all(
        (one - want).abs().max() < error * want.abs().max()
        for one, want in zip(got, exact, strict=True)
    )


def _computed(
    products: Products, inputs: torch.Tensor, layer: Linear, gate: Linear, residual: torch.Tensor
) -> list[torch.Tensor]:
    """Return what every method computes."""
    results = [products.linear(inputs, layer), products.added(inputs, layer, residual)]
    for activation in _ONEDNN:
        results.append(products.activated(inputs, layer, activation))
        results.append(products.gated(inputs, gate, layer, activation))
    return results
