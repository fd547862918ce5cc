"""The packed forward pass is the makers' one, at every layer and length, alone and with others."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer

from tests.support.dnabert import (
    SIZES,
    Sizes,
    alibi_slopes,
    hidden_states,
    make_folder,
    padded,
    random_bases,
    random_weights,
    tokenizer,
)
from tui_balancer.embedding.families.code import load, resolve
from tui_balancer.embedding.families.dnabert.code import packed
from tui_balancer.embedding.families.dnabert.weights import slopes
from tui_balancer.embedding.families.requests import CheckpointModel
from tui_balancer.representations import Representations

LENGTHS = (1, 2, 3, 7, 33, 100, 999)
"""Bases; the longest has some 300 tokens."""

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def made() -> Tokenizer:
    return tokenizer()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_folder(tmp_path_factory.mktemp("dnabert") / "tiny")


def computed(
    folder: Path,
    sequences: list[str],
    kinds: tuple[str, ...] = ("mean",),
    sizes: Sizes = SIZES,
    dtype: torch.dtype = torch.float32,
) -> torch.Tensor:
    """Return the kept numbers of all layers, of shape (sequences, kinds, layers, width)."""
    loaded = load(resolve(CheckpointModel(folder)))
    kept = Representations.named(tuple(range(sizes.layers + 1)), kinds, sizes.width)
    rows = packed(loaded, kept, CPU, dtype)(sequences)  # type: ignore[arg-type]
    return rows.view(len(sequences), len(kinds), sizes.layers + 1, sizes.width)


def wanted(made: Tokenizer, sequences: list[str], sizes: Sizes = SIZES) -> torch.Tensor:
    """Return the makers' means over all tokens, and first tokens, in double precision."""
    tokens = padded(made, sequences)
    weights = {name: value.double() for name, value in random_weights(sizes).items()}
    layers = torch.stack(hidden_states(weights, sizes, tokens))
    lengths = [len(one.ids) for one in made.encode_batch(sequences)]
    means = [layers[:, row, :length].mean(1) for row, length in enumerate(lengths)]
    firsts = [layers[:, row, 0] for row in range(len(sequences))]
    return torch.stack([torch.stack((*both,)) for both in zip(means, firsts, strict=True)])


def error(got: torch.Tensor, want: torch.Tensor) -> float:
    """Return the largest error of a layer, relative to its largest number."""
    largest = want.abs().amax(dim=(0, 1, 3), keepdim=True)
    return float(((got - want).abs() / largest).max())


def test_every_layer_of_every_length_is_the_makers_alone_and_with_others(
    folder: Path, made: Tokenizer
) -> None:
    sequences = [random_bases(length, length) for length in LENGTHS]
    want = wanted(made, sequences)
    together = computed(folder, sequences, ("mean", "bos"))
    assert error(together, want) < 1e-5
    for row, sequence in enumerate(sequences):
        alone = computed(folder, [sequence], ("mean", "bos"))
        assert error(alone, want[row : row + 1]) < 1e-5
        assert error(alone, wanted(made, [sequence])) < 1e-5


@pytest.mark.parametrize("heads", [1, 2, 3, 12, 16])
def test_so_it_is_for_any_number_of_heads(tmp_path: Path, made: Tokenizer, heads: int) -> None:
    sizes = Sizes(layers=1, heads=heads)
    folder = make_folder(tmp_path / "tiny", sizes)
    sequences = [random_bases(200, 1), random_bases(30, 2)]
    got = computed(folder, sequences, ("mean", "bos"), sizes)
    assert error(got, wanted(made, sequences, sizes)) < 1e-5
    assert slopes(heads) == pytest.approx(alibi_slopes(heads), rel=1e-15)


def test_in_bfloat16_vectors_point_the_same_way(folder: Path, made: Tokenizer) -> None:
    sequences = [random_bases(length, length) for length in LENGTHS]
    got = computed(folder, sequences, ("mean", "bos"), dtype=torch.bfloat16)
    cosines = torch.cosine_similarity(got.double(), wanted(made, sequences), dim=-1)
    assert cosines.min() >= 0.9999


def test_unknown_bases_are_unknown_tokens(folder: Path, made: Tokenizer) -> None:
    sequences = ["ACGTNNNNACGT", "N" * 40, "ANA"]
    assert padded(made, ["NN"]).tolist() == [[1, 0, 0, 2]]
    assert error(computed(folder, sequences, ("mean", "bos")), wanted(made, sequences)) < 1e-5
