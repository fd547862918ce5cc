"""ESM C by torch's public functions, as on a GPU, is the same as by a processor's faster ones."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from tests.support.esmc import HEADS, INNER, LAYERS, WIDTH
from tui_balancer.embedding.families.esmc import layers
from tui_balancer.embedding.families.esmc.family import EsmcShape
from tui_balancer.embedding.families.esmc.layers import PackedForward
from tui_balancer.embedding.families.esmc.names import parameter_shapes
from tui_balancer.embedding.families.esmc.weights import packer, take_weights
from tui_balancer.embedding.families.seeded import random_weights
from tui_balancer.embedding.forward.attention import RunAttention
from tui_balancer.embedding.forward.products import PublicProducts
from tui_balancer.embedding.forward.rotation import ComplexRotation, Rotation
from tui_balancer.embedding.packing import PackedBatch
from tui_balancer.representations import Representations

torch.set_num_threads(1)

CPU = torch.device("cpu")
SHAPE = EsmcShape(LAYERS, WIDTH, HEADS, INNER)
KEPT = Representations.named((0, 2, LAYERS), ("mean", "bos"), WIDTH)
TEXTS = ["MKTAYIAKQR" * 9, "G", "MXXWWU", "MXXWWG", "ACDEFGHIKLMNPQRSTVWY"]


@pytest.fixture(scope="module")
def weights() -> dict[str, torch.Tensor]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        return random_weights(parameter_shapes(SHAPE))


def by_public_functions(monkeypatch: pytest.MonkeyPatch) -> None:
    """Choose what every device can do."""

    def rotation(frequencies: torch.Tensor, heads: int) -> Callable[[PackedBatch], Rotation]:
        return lambda batch: ComplexRotation(batch, frequencies, heads)

    monkeypatch.setattr(layers, "choose_products", lambda device, dtype: PublicProducts())
    monkeypatch.setattr(layers, "choose_attention", lambda device, dtype: RunAttention)
    monkeypatch.setattr(layers, "choose_rotation", rotation)


@pytest.mark.parametrize(
    ("dtype", "error"), [(torch.float32, 1e-5), (torch.bfloat16, 2e-2), (torch.float16, 3e-3)]
)
def test_every_device_computes_the_same(
    dtype: torch.dtype,
    error: float,
    weights: dict[str, torch.Tensor],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    batch = packer().pack(TEXTS)
    exact = PackedForward(take_weights(weights, SHAPE, LAYERS, CPU), KEPT)(batch)
    by_public_functions(monkeypatch)
    public = PackedForward(take_weights(weights, SHAPE, LAYERS, CPU, dtype), KEPT)(batch)
    assert public.dtype == torch.float32
    for one, other in zip(public.split(WIDTH, 1), exact.split(WIDTH, 1), strict=True):
        assert (one - other).abs().max() <= error * other.abs().max()


def test_float32_weights_are_shared_and_half_precision_is_a_copy(
    weights: dict[str, torch.Tensor],
) -> None:
    name = "layers.1.mlp.up_proj.weight"
    whole, half = (
        take_weights(weights, SHAPE, LAYERS, CPU, dtype).layers[1].expand.weight
        for dtype in (torch.float32, torch.bfloat16)
    )
    assert whole.data_ptr() == weights[name].data_ptr()
    assert (half.dtype, whole.dtype) == (torch.bfloat16, torch.float32)


def test_weights_stored_in_half_precision_compute_in_float32(
    weights: dict[str, torch.Tensor],
) -> None:
    stored = {name: value.bfloat16() for name, value in weights.items()}
    batch = packer().pack(TEXTS)
    one, other = (
        PackedForward(take_weights(given, SHAPE, LAYERS, CPU), KEPT)(batch)
        for given in (stored, {name: value.float() for name, value in stored.items()})
    )
    assert torch.equal(one, other)
