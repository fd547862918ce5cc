"""Embeddings equal fair-esm's own procedure, whatever else is in the batch."""

from __future__ import annotations

import copy
import random

import esm
import pytest
import torch

from tests.support.checkpoints import make_checkpoint
from tests.support.fair_esm import extracted_means
from tui_balancer.embedding.embedder import Embedder, load_embedder
from tui_balancer.embedding.fairesm.loading import LoadedModel
from tui_balancer.embedding.families.code import resolve
from tui_balancer.embedding.families.esm2.checkpoints import load
from tui_balancer.embedding.families.requests import CheckpointModel, UntrainedModel
from tui_balancer.embedding.models import ModelSource
from tui_balancer.embedding.settings import EmbeddingSettings, Precision, resolve_layer
from tui_balancer.errors import UserError

torch.set_num_threads(1)

LETTERS = "LAGVSERTIDPKQNFYMHWCXBUZO"
LAYERS = 3


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> ModelSource:
    path = tmp_path_factory.mktemp("models") / "small.pt"
    return resolve(CheckpointModel(make_checkpoint(path, LAYERS, width=40, heads=4)))


@pytest.fixture(scope="module")
def loaded(source: ModelSource) -> LoadedModel:
    return load(source)


def _sequences(count: int, longest: int) -> list[str]:
    rng = random.Random(5)
    lengths = [rng.randint(1, longest) for _ in range(count)]
    return ["".join(rng.choices(LETTERS, k=length)) for length in lengths]


def extract(loaded: LoadedModel, sequences: list[str], layer: int) -> torch.Tensor:
    """What fair-esm's `scripts/extract.py --include mean` computes for one layer."""
    dataset = esm.FastaBatchedDataset([str(n) for n in range(len(sequences))], sequences)
    number = resolve_layer(layer, loaded.model.num_layers)
    means = extracted_means(loaded.model, loaded.alphabet, dataset, number)
    return torch.stack([means[str(n)] for n in range(len(sequences))])


def assert_close(actual: torch.Tensor, expected: torch.Tensor) -> None:
    """Within 1e-5 of the largest value of each vector."""
    scale = expected.abs().amax(dim=1, keepdim=True)
    assert ((actual - expected).abs() / scale).max() < 1e-5


@pytest.mark.parametrize("reference", [False, True])
@pytest.mark.parametrize("layer", range(-LAYERS - 1, LAYERS + 1))
def test_every_layer_equals_fair_esms_extract(
    loaded: LoadedModel, layer: int, reference: bool
) -> None:
    sequences = _sequences(12, longest=60)
    settings = EmbeddingSettings(repr_layers=(layer,), reference=reference)
    embedder = Embedder(loaded, "cpu:0", settings)
    assert_close(embedder.embed(sequences), extract(loaded, sequences, layer))


def test_lengths_from_one_to_the_longest_equal_fair_esms_extract(loaded: LoadedModel) -> None:
    lengths = [1, 1, 2, 3, 31, 32, 33, 191, 192, 193, 766, 767, 1021, 1022, 1022]
    sequences = [
        ("MKVLAAGIST" * 103)[number : length + number] for number, length in enumerate(lengths)
    ]
    embedder = Embedder(loaded, "cpu:0", EmbeddingSettings())
    assert_close(embedder.embed(sequences), extract(loaded, sequences, -1))


@pytest.mark.parametrize("name", ["esm2_t6_8M_UR50D", "esm2_t12_35M_UR50D"])
def test_the_true_architectures_equal_fair_esms_extract(name: str) -> None:
    real = load(resolve(UntrainedModel(name, seed=0)))
    sequences = _sequences(6, longest=120)
    embedder = Embedder(real, "cpu:0", EmbeddingSettings())
    assert_close(embedder.embed(sequences), extract(real, sequences, -1))


def test_a_checkpoint_without_token_dropout_is_not_scaled(loaded: LoadedModel) -> None:
    unscaled = copy.deepcopy(loaded)
    unscaled.model.token_dropout = False
    sequences = _sequences(3, longest=20)
    embedder = Embedder(unscaled, "cpu:0", EmbeddingSettings())
    assert_close(embedder.embed(sequences), extract(unscaled, sequences, -1))


@pytest.mark.parametrize(("precision", "cosine"), [("bf16", 0.9999), ("fp16", 0.99999)])
def test_half_precision_is_close_to_float32(
    loaded: LoadedModel, precision: Precision, cosine: float
) -> None:
    sequences = _sequences(8, longest=200)
    exact = Embedder(loaded, "cpu:0", EmbeddingSettings()).embed(sequences)
    half = Embedder(loaded, "cpu:0", EmbeddingSettings(precision=precision)).embed(sequences)
    assert half.dtype == torch.float32
    assert torch.cosine_similarity(half, exact).min() > cosine
    assert not torch.equal(half, exact)


def test_layers_above_the_chosen_one_cost_nothing(loaded: LoadedModel) -> None:
    broken = copy.deepcopy(loaded)
    with torch.no_grad():
        broken.model.layers[-1].fc1.weight.fill_(torch.nan)
    settings = EmbeddingSettings(repr_layers=(LAYERS - 1,))
    assert Embedder(broken, "cpu:0", settings).embed(["MKV"]).isfinite().all()


def test_every_letter_has_its_own_vector(loaded: LoadedModel) -> None:
    embedder = Embedder(loaded, "cpu:0", EmbeddingSettings())
    vectors = embedder.embed(list(LETTERS))
    assert_close(vectors, extract(loaded, list(LETTERS), -1))
    assert vectors.isfinite().all()
    assert len({tuple(vector.tolist()) for vector in vectors}) == len(LETTERS)


def test_a_vector_does_not_depend_on_its_neighbours_in_the_batch(loaded: LoadedModel) -> None:
    sequences = _sequences(8, longest=40)
    embedder = Embedder(loaded, "cpu:0", EmbeddingSettings())
    together = embedder.embed(sequences)
    alone = torch.cat([embedder.embed([sequence]) for sequence in sequences])
    assert_close(together, alone)
    assert_close(embedder.embed(sequences[::-1]).flip(0), together)


def test_the_same_batch_has_the_same_bytes_whatever_ran_before(loaded: LoadedModel) -> None:
    sequences = _sequences(8, longest=40)
    embedder = Embedder(loaded, "cpu:0", EmbeddingSettings())
    first = embedder.embed(sequences)
    embedder.embed(_sequences(3, longest=100))
    assert torch.equal(embedder.embed(sequences), first)


def test_vectors_are_float32_on_the_cpu_also_when_there_are_none(loaded: LoadedModel) -> None:
    embedder = Embedder(loaded, "cpu:1", EmbeddingSettings())
    for vectors in (embedder.embed(["MKV"]), embedder.embed([])):
        assert (vectors.dtype, vectors.device.type, vectors.shape[1]) == (torch.float32, "cpu", 40)


def test_loading_sets_the_threads_and_names_the_weights(source: ModelSource) -> None:
    try:
        embedder = load_embedder(source, "cpu:0", 2, EmbeddingSettings())
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(1)
    assert embedder.sha256 == source.sha256
    assert embedder.kept.layers == (embedder.shape.layers,) == (LAYERS,)


def test_loading_sees_to_it_that_products_are_exact(
    source: ModelSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    matmul = torch.backends.cuda.matmul
    torch.set_float32_matmul_precision("high")
    for name in ("fp16", "bf16"):
        monkeypatch.setattr(matmul, f"allow_{name}_reduced_precision_reduction", True)
    load_embedder(source, "cpu:0", 1, EmbeddingSettings())
    assert torch.get_float32_matmul_precision() == "highest"
    assert not matmul.allow_tf32
    assert not matmul.allow_fp16_reduced_precision_reduction
    assert not matmul.allow_bf16_reduced_precision_reduction


@pytest.mark.parametrize("layer", [4, -5])
def test_a_layer_that_is_not_there_is_refused(layer: int) -> None:
    with pytest.raises(UserError, match=rf"no layer {layer}: the model has layers 0 to 3"):
        resolve_layer(layer, 3)
