"""Trained weights have outliers that random ones lack: they tell whether a shortcut is one."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
import torch
from Bio.SeqIO.FastaIO import SimpleFastaParser
from esm import multihead_attention

from tests.support import trained
from tui_balancer.embedding.embedder import Embedder
from tui_balancer.embedding.fairesm.loading import LoadedModel
from tui_balancer.embedding.families.code import resolve
from tui_balancer.embedding.families.esm2.checkpoints import load
from tui_balancer.embedding.families.requests import CheckpointModel
from tui_balancer.embedding.models import ModelSource
from tui_balancer.embedding.settings import EmbeddingSettings, Precision
from tui_balancer.inputs.synthetic import RESIDUE_PERCENT

torch.set_num_threads(1)

WHOLE = (30, 31, 50, 64, 100, 150, 200, 300, 1022)
FRAGMENTS = (1, 1, 1, 2, 2, 2, 3, 4, 5, 7, 10, 15, 20, 25)
UNUSUAL = "XBUZO"
REAL_PROTEINS = Path(__file__).parents[1] / "data" / "real_proteins.faa"


@pytest.fixture(scope="module")
def source() -> ModelSource:
    return resolve(CheckpointModel(trained.model_folder()))


@pytest.fixture(scope="module")
def loaded(source: ModelSource) -> LoadedModel:
    return load(source)


def proteins(lengths: tuple[int, ...]) -> list[str]:
    rng = random.Random(7)
    letters, weights = zip(*RESIDUE_PERCENT.items(), strict=True)
    return ["".join(rng.choices(letters, weights, k=length)) for length in lengths]


def errors(actual: torch.Tensor, expected: torch.Tensor) -> torch.Tensor:
    """The largest of each vector, relative to its largest value."""
    return (actual - expected).abs().amax(1) / expected.abs().amax(1)


def test_float32_equals_fair_esm_from_thirty_residues_on(loaded: LoadedModel) -> None:
    texts = proteins(WHOLE)
    packed = Embedder(loaded, "cpu:0", EmbeddingSettings()).embed(texts)
    fair_esm = Embedder(loaded, "cpu:0", EmbeddingSettings(reference=True))
    assert errors(packed, torch.cat([fair_esm.embed([text]) for text in texts])).max() <= 1e-5


@pytest.mark.parametrize("layer", range(trained.LAYERS))
def test_every_lower_layer_equals_fair_esm_too(loaded: LoadedModel, layer: int) -> None:
    texts = proteins((30, 64, 64, 100))
    packed, expected = (
        Embedder(loaded, "cpu:0", EmbeddingSettings(repr_layers=(layer,), reference=one)).embed(
            texts
        )
        for one in (False, True)
    )
    assert errors(packed, expected).max() <= 1e-5


def test_fragments_err_as_little_as_fair_esm_does_against_double_precision(
    source: ModelSource, loaded: LoadedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = proteins(FRAGMENTS)
    packed, single = (
        Embedder(loaded, "cpu:0", EmbeddingSettings(reference=one)).embed(texts).double()
        for one in (False, True)
    )
    # fair-esm computes its softmax in float32, whatever the weights are in.
    monkeypatch.setattr(
        multihead_attention, "utils_softmax", lambda x, dim, onnx_trace: torch.softmax(x, dim)
    )
    exact = load(source)
    exact.model.double()
    double = Embedder(exact, "cpu:0", EmbeddingSettings(reference=True)).embed(texts)
    assert double.dtype == torch.float64
    # Both round to float32; over a few residues the mean evens out little of it.
    assert errors(packed, double).max() <= 3e-5
    assert errors(packed, double).max() <= 3 * errors(single, double).max()


def test_unusual_letters_equal_fair_esm(loaded: LoadedModel) -> None:
    texts = [text[:20] + UNUSUAL + text[20:] for text in proteins((40, 80))]
    packed, expected = (
        Embedder(loaded, "cpu:0", EmbeddingSettings(reference=one)).embed(texts)
        for one in (False, True)
    )
    assert errors(packed, expected).max() <= 1e-5


@pytest.mark.parametrize(("precision", "least"), [("bf16", 0.9999), ("fp16", 0.99999)])
def test_half_precision_points_where_float32_does_on_real_proteins(
    loaded: LoadedModel, precision: Precision, least: float
) -> None:
    with REAL_PROTEINS.open() as file:
        texts = [text for _, text in SimpleFastaParser(file)]
    half, exact = (
        Embedder(loaded, "cpu:0", EmbeddingSettings(precision=one)).embed(texts)
        for one in (precision, "fp32")
    )
    assert torch.cosine_similarity(half, exact).min() >= least


@pytest.mark.parametrize(
    ("precision", "median", "least"), [("bf16", 0.9999, 0.998), ("fp16", 0.99999, 0.99999)]
)
def test_half_precision_stays_near_on_fragments_of_chance(
    loaded: LoadedModel, precision: Precision, median: float, least: float
) -> None:
    texts = proteins((50,) * 24)
    half, exact = (
        Embedder(loaded, "cpu:0", EmbeddingSettings(precision=one)).embed(texts)
        for one in (precision, "fp32")
    )
    cosines = torch.cosine_similarity(half, exact)
    # Single ones stray in bf16: the model itself magnifies a change of its input there.
    assert cosines.median() >= median
    assert cosines.min() >= least


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_half_precision_never_overflows(loaded: LoadedModel, precision: Precision) -> None:
    half = Embedder(loaded, "cpu:0", EmbeddingSettings(precision=precision))
    assert half.embed(proteins((200, *FRAGMENTS))).isfinite().all()
