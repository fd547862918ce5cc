"""The activations of a layer's feed-forward network, by their names."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType
from typing import Literal

import torch
from torch.nn import functional

Activation = Literal["gelu", "gelu_tanh", "relu", "silu"]
"""GELU is exact, or by the hyperbolic tangent."""

PUBLIC: Mapping[Activation, Callable[[torch.Tensor], torch.Tensor]] = MappingProxyType(
    {
        "gelu": functional.gelu,
        "gelu_tanh": partial(functional.gelu, approximate="tanh"),
        "relu": functional.relu,
        "silu": functional.silu,
    }
)
"""Torch's functions."""

NUMBERS: Mapping[Activation | None, int] = MappingProxyType(
    {None: 0, "gelu": 1, "gelu_tanh": 2, "relu": 3, "silu": 4}
)
"""What C of our own calls them: `activations.h`."""
