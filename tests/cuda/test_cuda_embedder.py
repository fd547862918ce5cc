"""The packed forward pass on a CUDA device, held against fair-esm's own."""

from __future__ import annotations

import random

import pytest
import torch

from tui_balancer.embedding.embedder import Embedder, load_embedder
from tui_balancer.embedding.fairesm import layers, rows
from tui_balancer.embedding.fairesm.layers import Forward, PackedForward
from tui_balancer.embedding.fairesm.weights import Weights
from tui_balancer.embedding.families.table import MODELS
from tui_balancer.embedding.forward import attention
from tui_balancer.embedding.forward.attention import varlen_is_there
from tui_balancer.embedding.models import ModelSource
from tui_balancer.embedding.settings import EmbeddingSettings, Precision
from tui_balancer.representations import Representations

if torch.cuda.is_available():
    from tui_balancer.embedding.fairesm.fused import FusedForward, kernels_are_right

pytestmark = pytest.mark.cuda

LENGTHS = (1, 2, 31, 64, 64, 64, 200, 333, 1022)
LEAST_CAPABILITY = {"fp32": (0, 0), "fp16": (7, 0), "bf16": (8, 0)}
PRECISIONS: list[Precision] = [
    precision
    for precision in ("fp32", "fp16", "bf16")
    if torch.cuda.is_available()
    and torch.cuda.get_device_capability() >= LEAST_CAPABILITY[precision]
]


def sequences() -> list[str]:
    rng = random.Random(2)
    return ["".join(rng.choices("LAGVSERTIDPKQNFYMHWC", k=length)) for length in LENGTHS]


def embedder(source: ModelSource, device: str, **settings: object) -> Embedder:
    return load_embedder(source, device, 1, EmbeddingSettings(**settings))  # type: ignore[arg-type]


def relative_error(actual: torch.Tensor, expected: torch.Tensor) -> float:
    scale = expected.abs().amax(dim=1, keepdim=True)
    return float(((actual - expected).abs() / scale).max())


def test_float32_equals_fair_esm_on_the_same_device_and_on_the_cpu(source: ModelSource) -> None:
    packed = embedder(source, "cuda:0").embed(sequences())
    for device in ("cuda:0", "cpu:0"):
        expected = embedder(source, device, reference=True).embed(sequences())
        assert relative_error(packed, expected) < 1e-5


@pytest.mark.parametrize("precision", [one for one in PRECISIONS if one != "fp32"])
def test_half_precision_is_close_to_fair_esm(source: ModelSource, precision: Precision) -> None:
    half = embedder(source, "cuda:0", precision=precision).embed(sequences())
    expected = embedder(source, "cuda:0", reference=True).embed(sequences())
    assert half.isfinite().all()
    assert torch.cosine_similarity(half, expected).min() > 0.999


@pytest.mark.parametrize(
    "dtype",
    [
        dtype
        for dtype in (torch.float16, torch.bfloat16)
        if varlen_is_there(torch.device("cuda:0"), dtype)
    ]
    if torch.cuda.is_available()
    else [],
)
def test_attention_of_any_lengths_equals_attention_by_runs(
    source: ModelSource, dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    precision: Precision = "fp16" if dtype == torch.float16 else "bf16"
    varlen = embedder(source, "cuda:0", precision=precision).embed(sequences())
    monkeypatch.setattr(attention, "varlen_is_there", lambda device, dtype: False)
    by_runs = embedder(source, "cuda:0", precision=precision).embed(sequences())
    assert torch.cosine_similarity(varlen, by_runs).min() > 0.9999


@pytest.mark.parametrize("precision", PRECISIONS)
def test_the_same_batch_has_the_same_bytes(source: ModelSource, precision: Precision) -> None:
    first, second = (embedder(source, "cuda:0", precision=precision) for _ in range(2))
    vectors = first.embed(sequences())
    first.embed(["MKV" * 100])
    assert torch.equal(first.embed(sequences()), vectors)
    assert torch.equal(second.embed(sequences()), vectors)


@pytest.mark.parametrize("precision", PRECISIONS)
def test_the_kernels_change_no_more_than_the_last_bits(
    source: ModelSource, precision: Precision, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen: list[Forward] = []

    def choose(weights: Weights, kept: Representations, head: None) -> Forward:
        chosen.append(layers.choose_forward(weights, kept, head))
        return chosen[-1]

    monkeypatch.setattr(rows, "choose_forward", choose)
    fused = embedder(source, "cuda:0", precision=precision).embed(sequences())
    assert isinstance(chosen[0], FusedForward)
    monkeypatch.setattr(rows, "choose_forward", PackedForward)
    public = embedder(source, "cuda:0", precision=precision).embed(sequences())
    assert torch.cosine_similarity(fused, public).min() > 0.9999
    if precision == "fp32":
        assert relative_error(fused, public) < 1e-5


def test_the_kernels_are_right_at_every_width(source: ModelSource) -> None:
    shapes = {name: (one.width, one.heads) for name, one in MODELS.items()}
    for name, (width, heads) in shapes.items():
        assert kernels_are_right(torch.device("cuda:0"), heads, width // heads), name


@pytest.mark.parametrize("layer", range(5))
def test_every_layer_equals_fair_esm(source: ModelSource, layer: int) -> None:
    packed = embedder(source, "cuda:0", repr_layers=(layer,)).embed(sequences())
    expected = embedder(source, "cuda:0", repr_layers=(layer,), reference=True).embed(sequences())
    assert relative_error(packed, expected) < 1e-5


def test_a_batch_that_is_begun_does_not_disturb_the_one_before(source: ModelSource) -> None:
    device = embedder(source, "cuda:0", precision=PRECISIONS[-1])
    batches = [sequences(), ["MKV" * 300] * 4, ["A"]]
    alone = [device.embed(batch) for batch in batches]
    pending = [device.begin(batch) for batch in batches]
    for one, expected in zip(pending, alone, strict=True):
        assert torch.equal(one.vectors(), expected)


@pytest.mark.parametrize("include", [("bos",), ("per_tok",), ("mean", "bos"), ("contacts",)])
def test_everything_that_can_be_kept_equals_fair_esm(
    source: ModelSource, include: tuple[str, ...]
) -> None:
    kept = {"include": include, "repr_layers": (0, 2, 4)}
    packed = embedder(source, "cuda:0", **kept).embed(sequences())
    expected = embedder(source, "cuda:0", reference=True, **kept).embed(sequences())
    assert packed.shape == expected.shape
    assert (packed - expected).abs().max() < 1e-5 * expected.abs().max()
