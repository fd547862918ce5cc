"""How far each layer of a model lies from the makers' code, on real shapes with random weights."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import torch
from transformers import EsmcConfig, EsmcForMaskedLM, EsmcTokenizer, T5EncoderModel

from tests.support import dnabert, esmc, t5
from tui_balancer.embedding.embedder import Embedder
from tui_balancer.embedding.families.code import load
from tui_balancer.embedding.families.requests import UntrainedModel
from tui_balancer.embedding.families.table import MODELS
from tui_balancer.embedding.settings import EmbeddingSettings, Precision

Oracle = Callable[[str], torch.Tensor]
"""Returns the states of one sequence, of shape (layers + 1, rows, width)."""

_RESIDUES = "ALGVSREDTIPKFQNYMHWC"
_FORMATS: tuple[Precision, ...] = ("fp32", "bf16")


@dataclass(frozen=True)
class Family:
    """How the models of a family are compared.

    Attributes:
        lengths: Of the sequences; the longest is the family's `--max-length`.
        against: The code that ours is compared with.
        oracle: Makes it, from a model that is loaded, to compute in a number format.
        kinds: What is compared: every residue, or the mean where a token is no residue.
    """

    lengths: Sequence[int]
    against: str
    oracle: Callable[[Any, torch.dtype], Oracle]
    kinds: tuple[str, ...] = ("per_tok",)


@dataclass(frozen=True)
class Differences:
    """Those of a sequence, of each layer from 0.

    Attributes:
        errors: In float32, the largest, relative to the largest number of the layer.
        cosines: In bf16, of the means of the sequence.
    """

    errors: torch.Tensor
    cosines: torch.Tensor


@dataclass(frozen=True)
class Row:
    """The differences of one sequence.

    Attributes:
        length: Residues or bases.
        alone: Computed alone.
        together: Computed in a batch with others.
        theirs: The cosines of the makers' code in bf16 to the same code in its exact format.
    """

    length: int
    alone: Differences
    together: Differences
    theirs: torch.Tensor


def compare(name: str) -> Iterator[Row]:
    """Yield the rows of a model, shortest sequence first.

    Args:
        name: Of the model.
    """
    shape = MODELS[name]
    family = COMPARED[shape.family]
    loaded = load(UntrainedModel(name, seed=0).source())
    oracle, theirs = (family.oracle(loaded, one) for one in (torch.float32, torch.bfloat16))
    rng = random.Random(3)
    letters = "ACGT" if shape.alphabet.nucleotides else _RESIDUES
    texts = ["".join(rng.choices(letters, k=length)) for length in family.lengths]
    single, half = (_states(loaded, texts, family.kinds, one) for one in _FORMATS)
    for place, text in enumerate(texts):
        expected = oracle(text)
        alone = [_states(loaded, [text], family.kinds, one)[0] for one in _FORMATS]
        yield Row(
            len(text),
            _differences(alone[0], alone[1], expected),
            _differences(single[place], half[place], expected),
            _cosines(theirs(text), expected),
        )


def _states(
    loaded: Any, texts: Sequence[str], kinds: tuple[str, ...], precision: Precision
) -> list[torch.Tensor]:
    """Return what we compute of sequences in one batch, each in the shape of `Oracle`."""
    layers = tuple(range(loaded.shape.layers + 1))
    embedder = Embedder(
        loaded, "cpu:0", EmbeddingSettings(layers, include=kinds, precision=precision)
    )
    return _divided(embedder, texts)


def _divided(embedder: Embedder, texts: Sequence[str]) -> list[torch.Tensor]:
    kept = embedder.kept
    rows = embedder.embed(texts).flatten().split([kept.numbers(len(text)) for text in texts])
    shape = (len(kept.kinds), len(kept.layers), -1, kept.width)
    return [row.view(shape).transpose(0, 1).flatten(1, 2) for row in rows]


def _differences(single: torch.Tensor, half: torch.Tensor, expected: torch.Tensor) -> Differences:
    errors = (single - expected).abs().amax((1, 2)) / expected.abs().amax((1, 2))
    return Differences(errors, _cosines(half, expected))


def _cosines(half: torch.Tensor, expected: torch.Tensor) -> torch.Tensor:
    ours, theirs = (states.double().mean(1) for states in (half, expected))
    return torch.cosine_similarity(ours, theirs, dim=-1)


def _by_fair_esm(loaded: Any, dtype: torch.dtype) -> Oracle:
    layers = range(loaded.shape.layers + 1)
    model = deepcopy(loaded.model).to(dtype)
    # ESM-1 scales what it embeds by a float32, whatever the weights are.
    model.layers[0].register_forward_pre_hook(lambda _, given: (given[0].to(dtype), *given[1:]))
    rows = loaded.alphabet.get_batch_converter()

    def states(text: str) -> torch.Tensor:
        found = model(rows([("", text)])[2], repr_layers=layers)["representations"]
        first = int(loaded.alphabet.prepend_bos)
        return torch.stack([found[layer][0, first : first + len(text)] for layer in layers])

    return torch.inference_mode()(states)


def _by_esmc(loaded: Any, dtype: torch.dtype) -> Oracle:
    shape = loaded.shape
    config = EsmcConfig(
        hidden_size=shape.width,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        intermediate_size=shape.inner,
    )
    model = EsmcForMaskedLM(config).eval()
    model.esmc.load_state_dict(loaded.weights)
    model.to(dtype)
    tokenizer = EsmcTokenizer()

    def states(text: str) -> torch.Tensor:
        tokens = tokenizer(text, return_tensors="pt")["input_ids"]
        return torch.stack([layer[0, 1:-1] for layer in esmc.hidden_states(model, tokens)])

    return states


def _by_t5(loaded: Any, dtype: torch.dtype) -> Oracle:
    config = t5.config_of(loaded.shape, loaded.tokens.largest + 1)
    model = T5EncoderModel(config).eval()
    tied = {"encoder.embed_tokens.weight": loaded.weights["shared.weight"]}
    model.load_state_dict({**loaded.weights, **tied})
    model.to(dtype)

    def states(text: str) -> torch.Tensor:
        layers = t5.states_of(model, [text])
        return torch.stack([layer[0][:-1] for layer in layers])

    return states


def _by_formulas(loaded: Any, dtype: torch.dtype) -> Oracle:
    shape = loaded.shape
    sizes = dnabert.Sizes(shape.layers, shape.width, shape.heads, shape.inner, shape.vocabulary)
    exact = torch.float64 if dtype == torch.float32 else dtype
    weights = {name: value.to(exact) for name, value in loaded.weights.items()}

    def states(text: str) -> torch.Tensor:
        layers = dnabert.hidden_states(weights, sizes, loaded.tokens.pack([text]).tokens[None])
        return torch.stack([layer.mean(1) for layer in layers]).float()

    return states


_LENGTHS = (1, 2, 31, 300)

COMPARED = {
    "esm2": Family((*_LENGTHS, 1022), "fair-esm", _by_fair_esm),
    "esm1": Family((*_LENGTHS, 1022), "fair-esm", _by_fair_esm),
    "esmc": Family((*_LENGTHS, 2046), "transformers", _by_esmc),
    "t5": Family((*_LENGTHS, 1022), "transformers", _by_t5),
    "dnabert": Family((1, 7, 100, 1000, 10_000), "the makers' formulas", _by_formulas, ("mean",)),
}
"""By the names of the families."""
