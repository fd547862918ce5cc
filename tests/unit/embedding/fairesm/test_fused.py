"""The forward pass for CUDA, with torch's functions in place of Triton's kernels.

The kernels themselves are tested where there is a card, in `tests/cuda`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from importlib import import_module
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch.nn import functional

from tests.support.checkpoints import make_checkpoint, make_esm1_checkpoint
from tui_balancer.embedding.fairesm.layers import PackedForward
from tui_balancer.embedding.fairesm.weights import packer, take_weights
from tui_balancer.embedding.families.code import load, resolve
from tui_balancer.embedding.families.requests import CheckpointModel
from tui_balancer.embedding.forward.products import Linear
from tui_balancer.representations import Representations

torch.set_num_threads(1)

KERNELS = "tui_balancer.embedding.forward.kernels"
FUSED = "tui_balancer.embedding.fairesm.fused"
LAYERS = 3


def add_norm(
    states: torch.Tensor, added: torch.Tensor | None, norm: Linear, dtype: torch.dtype
) -> torch.Tensor:
    if added is not None:
        states += added
    return functional.layer_norm(states, states.shape[1:], *norm).to(dtype)


def rotate(
    together: torch.Tensor, positions: torch.Tensor, turns: torch.Tensor, heads: int
) -> None:
    cosine, sine = turns[positions][:, None, None].chunk(2, dim=-1)
    both = together.view(len(together), 3, heads, -1)[:, :2]
    first, second = both.clone().chunk(2, dim=-1)
    both.copy_(torch.cat((first * cosine - second * sine, second * cosine + first * sine), dim=-1))


def residue_means(states: torch.Tensor, bounds: torch.Tensor) -> torch.Tensor:
    parts = (states[start + 1 : end - 1] for start, end in pairwise(bounds.tolist()))
    return torch.stack([part.mean(0) for part in parts])


@pytest.fixture
def fused(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The module, imported as where Triton is."""
    kernels = SimpleNamespace(add_norm=add_norm, rotate=rotate, residue_means=residue_means)
    monkeypatch.setitem(sys.modules, KERNELS, kernels)
    monkeypatch.delitem(sys.modules, FUSED, raising=False)
    yield import_module(FUSED)
    del sys.modules[FUSED]


@pytest.mark.parametrize("make", [make_checkpoint, make_esm1_checkpoint])
@pytest.mark.parametrize("last", [0, 2, LAYERS])
def test_it_computes_what_the_forward_pass_for_any_device_does(
    fused: Any, make: Callable[..., Path], last: int, tmp_path: Path
) -> None:
    loaded: Any = load(resolve(CheckpointModel(make(tmp_path / "a.pt", layers=LAYERS))))
    kept = Representations.named(tuple(sorted({0, last})), ("mean", "bos"), 40)
    batch = packer(loaded.alphabet).pack(["MKVLAAG", "M", "ACDEF", "GGWWA"])
    expected, actual = (
        make_forward(take_weights(loaded.model, last, torch.device("cpu")), kept)(batch)
        for make_forward in (PackedForward, fused.FusedForward)
    )
    torch.testing.assert_close(actual, expected, rtol=1e-5, atol=1e-5)
