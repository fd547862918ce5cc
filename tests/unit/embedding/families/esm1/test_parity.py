"""ESM-1 and ESM-1b computed as fair-esm computes them: every layer, length and batch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
import torch

from tests.support.checkpoints import make_esm1_checkpoint
from tests.support.fair_esm import LETTERS, extract, load_model, proteins, write_regression
from tui_balancer.embedding.embedder import Embedder
from tui_balancer.embedding.families.code import load, resolve
from tui_balancer.embedding.families.requests import CheckpointModel
from tui_balancer.embedding.settings import EmbeddingSettings, Precision
from tui_balancer.representations import KINDS

torch.set_num_threads(1)

LAYERS, WIDTH, HEADS = 3, 40, 4
LENGTHS = (1, 1, 2, 3, 7, 16, 31, 32, 33, 64, 100, 100)
KINDS_OF_MODELS: dict[str, dict[str, Any]] = {
    "ESM-1b": {},
    "ESM-1v": {"norm_before": False},
    "ESM-1b without token dropout": {"token_dropout": False},
    "ESM-1": {"architecture": "protein_bert_base", "token_dropout": False},
}
EVERYTHING: dict[str, Any] = {"repr_layers": tuple(range(LAYERS + 1)), "include": tuple(KINDS)}


@dataclass
class Pair:
    """A checkpoint, loaded by us and by fair-esm's own loader."""

    ours: Any
    model: Any
    alphabet: Any

    def extract(self, sequence: str) -> dict[str, torch.Tensor]:
        """What `extract.py` keeps of a sequence that is alone, by the names of parts."""
        return extract(self.model, self.alphabet, sequence, range(LAYERS + 1))


@pytest.fixture(scope="module", params=KINDS_OF_MODELS)
def pair(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Pair:
    folder = tmp_path_factory.mktemp("models")
    path = make_esm1_checkpoint(
        folder / "esm1_small.pt",
        layers=LAYERS,
        width=WIDTH,
        heads=HEADS,
        **KINDS_OF_MODELS[request.param],
    )
    regression = write_regression(path, LAYERS * HEADS)
    theirs = load_model(path, regression=regression)
    return Pair(load(resolve(CheckpointModel(path))), *theirs)


def parts(embedder: Embedder, texts: list[str]) -> list[dict[str, torch.Tensor]]:
    """Embed sequences together and return the parts of each by name."""
    sizes = [embedder.kept.numbers(len(text)) for text in texts]
    rows = torch.split(embedder.embed(texts).flatten(), sizes)
    return [
        {part.name: row[part.numbers].view(part.shape) for part in embedder.kept.parts(len(text))}
        for text, row in zip(texts, rows, strict=True)
    ]


def assert_close(actual: dict[str, torch.Tensor], expected: dict[str, torch.Tensor]) -> None:
    """Every part, within 1e-5 of its own largest number."""
    assert actual.keys() == expected.keys()
    for name, value in expected.items():
        assert (actual[name] - value).abs().max() <= 1e-5 * value.abs().max(), name


@pytest.mark.parametrize("reference", [False, True])
def test_every_kind_and_layer_equals_fair_esm_alone_and_in_a_batch(
    pair: Pair, reference: bool
) -> None:
    embedder = Embedder(pair.ours, "cpu:0", EmbeddingSettings(**EVERYTHING, reference=reference))
    texts = proteins(LENGTHS)
    together = parts(embedder, texts)
    for text, in_batch in zip(texts, together, strict=True):
        expected = pair.extract(text)
        assert_close(in_batch, expected)
        assert_close(parts(embedder, [text])[0], expected)


@pytest.mark.parametrize("layer", range(LAYERS + 1))
def test_a_lower_layer_alone_equals_that_of_all_layers(pair: Pair, layer: int) -> None:
    embedder = Embedder(pair.ours, "cpu:0", EmbeddingSettings((layer,), include=("mean",)))
    texts = proteins(LENGTHS)
    for text, row in zip(texts, embedder.embed(texts), strict=True):
        assert_close({f"mean_{layer}": row}, {f"mean_{layer}": pair.extract(text)[f"mean_{layer}"]})


def test_the_longest_sequences_equal_fair_esm(pair: Pair) -> None:
    embedder = Embedder(pair.ours, "cpu:0", EmbeddingSettings((0, LAYERS), include=("mean", "bos")))
    texts = proteins((1022, 1021, 767, 1))
    for text, actual in zip(texts, parts(embedder, texts), strict=True):
        expected = pair.extract(text)
        assert_close(actual, {name: expected[name] for name in actual})


@pytest.mark.parametrize(("precision", "cosine"), [("bf16", 0.9999), ("fp16", 0.99999)])
def test_half_precision_is_close_to_float32(
    pair: Pair, precision: Precision, cosine: float
) -> None:
    texts = proteins((100, 64, 64, 200, 150))
    exact = Embedder(pair.ours, "cpu:0", EmbeddingSettings()).embed(texts)
    half = Embedder(pair.ours, "cpu:0", EmbeddingSettings(precision=precision)).embed(texts)
    assert torch.cosine_similarity(exact, half).min() > cosine


def test_every_letter_has_its_own_vector(pair: Pair) -> None:
    vectors = Embedder(pair.ours, "cpu:0", EmbeddingSettings()).embed(list(LETTERS))
    assert len({tuple(one.tolist()) for one in vectors}) == len(LETTERS)
