"""Every layer equals transformers' own, at every length, alone and in a batch."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.support.t5 import LETTERS, PREFIXES, STRUCTURE, hidden_states, make_t5_folder
from tui_balancer.embedding.embedder import Embedder
from tui_balancer.embedding.families.code import load, resolve
from tui_balancer.embedding.families.limits import of_structures
from tui_balancer.embedding.families.requests import CheckpointModel
from tui_balancer.embedding.forward import attention
from tui_balancer.embedding.settings import EmbeddingSettings

torch.set_num_threads(1)

LAYERS = (0, 1, 2, 3)
LENGTHS = (1, 2, 7, 7, 31, 64, 130, 300)

MODELS: dict[str, dict[str, Any]] = {
    "ProtT5": {},
    "Ankh": {"gated": True, "relative_attention_num_buckets": 64},
    "ProstT5": {"prefixed": True, "tokenizer": "tokenizer.json"},
    "one head": {"num_heads": 1, "d_kv": 128, "relative_attention_max_distance": 40},
}

Embed = Callable[..., torch.Tensor]


def sequences(lengths: tuple[int, ...] = LENGTHS) -> list[str]:
    generator = torch.Generator().manual_seed(3)
    letters = [letter for letter in LETTERS if letter not in "UZOB"]
    return [
        "".join(letters[one] for one in torch.randint(21, (length,), generator=generator))
        for length in lengths
    ]


@pytest.fixture(params=MODELS, scope="module")
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    name: str = request.param
    return name


@pytest.fixture(scope="module")
def folder(model: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_t5_folder(tmp_path_factory.mktemp("models") / "t5", **MODELS[model])


@pytest.fixture(scope="module")
def embed(folder: Path) -> Embed:
    loaded = load(resolve(CheckpointModel(folder)))

    def embed(texts: list[str], **settings: Any) -> torch.Tensor:
        return Embedder(loaded, "cpu:0", EmbeddingSettings(**settings)).embed(texts)

    return embed


@pytest.fixture(scope="module")
def expected(model: str, folder: Path) -> list[list[torch.Tensor]]:
    """Of each layer, then each sequence: the states of the residues."""
    prefix = [PREFIXES["<AA2fold>"]] if model == "ProstT5" else []
    layers = hidden_states(folder, sequences(), prefix)
    return [[states[len(prefix) : -1] for states in layer] for layer in layers]


def error(actual: torch.Tensor, expected: torch.Tensor) -> float:
    return float((actual - expected).abs().max() / expected.abs().max())


@pytest.mark.parametrize("together", [True, False])
def test_every_residue_of_every_layer_equals_transformers(
    embed: Embed, expected: list[list[torch.Tensor]], together: bool
) -> None:
    texts = sequences()
    kept = {"repr_layers": LAYERS, "include": ("per_tok",)}
    rows = [embed(texts, **kept)] if together else [embed([text], **kept) for text in texts]
    ours = iter(torch.cat(rows).view(-1, 48).split([len(text) for text in texts for _ in LAYERS]))
    for number, _ in enumerate(texts):
        for layer in LAYERS:
            assert error(next(ours), expected[layer][number]) <= 1e-5, (layer, LENGTHS[number])


@pytest.mark.parametrize("compiled", [True, False])
def test_the_mean_is_over_the_residues_alone(
    embed: Embed,
    expected: list[list[torch.Tensor]],
    compiled: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if not compiled:
        monkeypatch.setattr(attention, "attention_library", lambda: None)
    for layer in LAYERS:
        means = torch.stack([states.mean(0) for states in expected[layer]])
        assert error(embed(sequences(), repr_layers=(layer,)), means) <= 1e-5


def test_bfloat16_points_where_float32_does(
    embed: Embed, expected: list[list[torch.Tensor]]
) -> None:
    for layer in LAYERS:
        means = torch.stack([states.mean(0) for states in expected[layer]])
        half = embed(sequences(), repr_layers=(layer,), precision="bf16")
        assert torch.cosine_similarity(half, means).min() >= 0.9999, layer


def test_a_longer_batch_changes_nothing_for_the_next(embed: Embed) -> None:
    short = sequences((20, 20))
    alone = embed(short)
    embed(sequences((500,)))
    assert torch.equal(embed(short), alone)


def test_structures_are_read_as_the_makers_code_reads_them(tmp_path: Path) -> None:
    folder = make_t5_folder(tmp_path / "t5", prefixed=True)
    source = of_structures(resolve(CheckpointModel(folder)))
    texts = [text.replace("X", "D") for text in sequences()]
    lower = [text.lower() for text in texts]
    layers = hidden_states(folder, lower, [PREFIXES["<fold2AA>"]], STRUCTURE)
    for layer in LAYERS:
        means = torch.stack([states[1:-1].mean(0) for states in layers[layer]])
        settings = EmbeddingSettings(repr_layers=(layer,))
        assert error(Embedder(load(source), "cpu:0", settings).embed(texts), means) <= 1e-5
