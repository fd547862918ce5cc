"""The matrix products of a transformer layer, each with what follows it.

In float32 on a CPU, torch sends them to a BLAS that reaches less than half of some
processors' speed; oneDNN, which torch carries too, reaches nearly all of it. In bfloat16 torch
takes oneDNN itself, but for GELU goes over the result once more. oneDNN's operators are
private, so they are used only where they exist and prove to be right.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

import torch
from torch.nn import functional

_PROBE_ERRORS = {torch.float32: 1e-5, torch.bfloat16: 1e-2}
"""Relative, of the formats that oneDNN is taken for.

float32 errs by 1e-7, the shorter formats that some processors offer instead by 1e-3; bfloat16
by 4e-3, for that is how far apart its numbers are.
"""


class Linear(NamedTuple):
    """A linear map: weight of shape (out, in), bias of shape (out,)."""

    weight: torch.Tensor
    bias: torch.Tensor


class Products(Protocol):
    """What a layer computes with its weights; inputs have shape (T, in) and the weights' dtype."""

    def linear(self, inputs: torch.Tensor, layer: Linear) -> torch.Tensor:
        """Return the linear map of the inputs, of shape (T, out)."""

    def gelu(self, inputs: torch.Tensor, layer: Linear) -> torch.Tensor:
        """Return the exact GELU of the linear map."""

    def added(self, inputs: torch.Tensor, layer: Linear, residual: torch.Tensor) -> torch.Tensor:
        """Return the linear map added to the residual, in float32."""


class PublicProducts:
    """torch's public functions: for every device and number format."""

    def linear(self, inputs: torch.Tensor, layer: Linear) -> torch.Tensor:
        """See `Products`."""
        return functional.linear(inputs, layer.weight, layer.bias)

    def gelu(self, inputs: torch.Tensor, layer: Linear) -> torch.Tensor:
        """See `Products`."""
        return functional.gelu(self.linear(inputs, layer))

    def added(self, inputs: torch.Tensor, layer: Linear, residual: torch.Tensor) -> torch.Tensor:
        """See `Products`."""
        return residual + self.linear(inputs, layer)


class OneDnnProducts:
    """oneDNN's products on a CPU, with GELU and, in float32, addition fused in.

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
        result: torch.Tensor = self._product(inputs, layer.weight, layer.bias, "none", [], "")
        return result

    def gelu(self, inputs: torch.Tensor, layer: Linear) -> torch.Tensor:
        """See `Products`."""
        result: torch.Tensor = self._product(inputs, layer.weight, layer.bias, "gelu", [], "none")
        return result

    def added(self, inputs: torch.Tensor, layer: Linear, residual: torch.Tensor) -> torch.Tensor:
        """See `Products`."""
        if inputs.dtype != residual.dtype:
            return residual + self.linear(inputs, layer)
        result: torch.Tensor = self._product.binary(
            inputs, residual, layer.weight, layer.bias, "add"
        )
        return result


def choose_products(device: torch.device, dtype: torch.dtype) -> Products:
    """Return the fastest products that are right for a device and a number format."""
    if device.type == "cpu" and dtype in _PROBE_ERRORS and _onednn_is_right(dtype):
        return OneDnnProducts()
    return PublicProducts()


def _onednn_is_right(dtype: torch.dtype) -> bool:
    """Whether oneDNN's private operators exist here and compute in the number format they say.

    On processors with matrix units, a setting can make them compute float32 in a shorter one.
    """
    generator = torch.Generator().manual_seed(0)
    inputs, weight, bias = (
        torch.randn(*shape, generator=generator).to(dtype)
        for shape in ((64, 320), (320, 320), (320,))
    )
    residual = torch.randn(64, 320, generator=generator)
    layer = Linear(weight, bias)
    exact = Linear(weight.double(), bias.double())
    public = PublicProducts()
    try:
        products = OneDnnProducts()
        pairs = (
            (products.product(inputs, weight), inputs.double() @ exact.weight.T),
            (products.linear(inputs, layer), public.linear(inputs.double(), exact)),
            (products.gelu(inputs, layer), public.gelu(inputs.double(), exact)),
            (
                products.added(inputs, layer, residual),
                public.added(inputs.double(), exact, residual.double()),
            ),
        )
    except (AttributeError, RuntimeError, TypeError):
        return False
    error = _PROBE_ERRORS[dtype]
    return all((got - want).abs().max() < error * want.abs().max() for got, want in pairs)
