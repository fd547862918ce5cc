"""fair-esm's own code and files, to hold ours against."""

from __future__ import annotations

import argparse
import random
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import esm
import torch

from tui_balancer.embedding.fairesm.regression import CONTACT_HEAD, regression_path

LETTERS = "LAGVSERTIDPKQNFYMHWCXBUZO"


def proteins(lengths: Iterable[int], seed: int = 3) -> list[str]:
    """Return sequences of all letters at random."""
    rng = random.Random(seed)
    return ["".join(rng.choices(LETTERS, k=length)) for length in lengths]


def read_checkpoint(path: Path) -> dict[str, Any]:
    """Return what a file in fair-esm's format holds."""
    with torch.serialization.safe_globals([argparse.Namespace]):
        data: dict[str, Any] = torch.load(path, weights_only=True)
    return data


def write_regression(checkpoint: Path, maps: int) -> dict[str, Any]:
    """Write next to a checkpoint what predicts contacts from so many maps; return the content."""
    contacts = (torch.linspace(-2, 3, maps)[None], torch.ones(1))
    content = {"model": dict(zip(CONTACT_HEAD, contacts, strict=True))}
    torch.save(content, regression_path(checkpoint))
    return content


def load_model(path: Path, name: str = "", regression: Any = None) -> tuple[Any, Any]:
    """Return the model and the alphabet of a file, as fair-esm loads them.

    Args:
        path: The file.
        name: Of the model, which fair-esm goes by; empty for that of the file.
        regression: What predicts contacts.
    """
    data = read_checkpoint(path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model, alphabet = esm.pretrained.load_model_and_alphabet_core(
            name or path.stem, data, regression
        )
    return model.eval(), alphabet


def extract(
    model: Any, alphabet: Any, sequence: str, layers: Iterable[int]
) -> dict[str, torch.Tensor]:
    """What `extract.py --include mean bos per_tok contacts` has of a sequence, by parts' names."""
    _, _, tokens = alphabet.get_batch_converter()([("", sequence)])
    with torch.no_grad():
        result = model(tokens, repr_layers=layers, return_contacts=True)
    found = {"contacts": result["contacts"][0]}
    for layer, states in result["representations"].items():
        residues = states[0, 1 : len(sequence) + 1]
        found |= {f"mean_{layer}": residues.mean(0), f"bos_{layer}": states[0, 0]}
        found[f"per_tok_{layer}"] = residues
    return found


@torch.no_grad()
def extracted_means(
    model: Any, alphabet: Any, dataset: esm.FastaBatchedDataset, layer: int, longest: int = 1022
) -> dict[str, torch.Tensor]:
    """What `extract.py --include mean` has of the sequences of a file, by their labels."""
    loader = torch.utils.data.DataLoader(
        dataset,
        collate_fn=alphabet.get_batch_converter(longest),
        batch_sampler=dataset.get_batch_indices(4096, extra_toks_per_seq=1),
    )
    means = {}
    for labels, texts, tokens in loader:
        states = model(tokens, repr_layers=[layer])["representations"][layer]
        for row, label in enumerate(labels):
            length = min(longest, len(texts[row]))
            means[label] = states[row, 1 : length + 1].mean(0)
    return means
