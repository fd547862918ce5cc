"""A run with a model of nucleotides: what it reads, what it refuses, and what it writes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from tests.support.commands import tui_balancer_here
from tests.support.dnabert import (
    SIZES,
    hidden_states,
    make_folder,
    padded,
    random_bases,
    random_weights,
    tokenizer,
)

SEQUENCES = {
    "c1F1": random_bases(500, 1),
    "c1R2": random_bases(500, 2),
    "c2F3": random_bases(31, 3),
}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_folder(tmp_path_factory.mktemp("models") / "tiny-DNABERT-S")


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory: pytest.TempPathFactory, model: Path) -> Path:
    """Return a finished run over a folder as VirNucPro's preparation leaves it, and a protein."""
    folder = tmp_path_factory.mktemp("run")
    inputs = folder / "sample_nucleotide"
    inputs.mkdir()
    records = "".join(f">{id}\n{sequence}\n" for id, sequence in SEQUENCES.items())
    (inputs / "output_1.fa").write_text(records)
    (inputs / "rna.fa").write_text(">r\n" + SEQUENCES["c1F1"].replace("T", "u") + "\n")
    (inputs / "protein.fa").write_text(">p\nMKTAYIAKQRQISFVKSHFSRQ\n")
    result = tui_balancer_here(
        *("run", inputs, "-o", folder / "out", "--model", model, "--headless"),
        *("--devices", "cpu", "--cpu-workers", "1", "--format", "virnucpro,npz"),
    )
    assert result.returncode == 1, result.stderr
    assert "protein.fa" in result.stdout + result.stderr
    assert "looks like protein" in result.stdout + result.stderr
    return folder / "out"


def means() -> torch.Tensor:
    """Return what VirNucPro's `extract_DNABERT_S` computes: means over all tokens."""
    weights, tokens = random_weights(), [padded(tokenizer(), [one]) for one in SEQUENCES.values()]
    return torch.stack([hidden_states(weights, SIZES, one)[-1][0].mean(0) for one in tokens])


def test_its_vectors_are_those_of_the_makers(run_folder: Path) -> None:
    output = torch.load(run_folder / "output_1_DNABERT_S.pt", weights_only=True)
    assert output["nucleotide"] == list(SEQUENCES)
    assert [row["label"] for row in output["data"]] == list(SEQUENCES)
    vectors = torch.stack([row["mean_representation"] for row in output["data"]])
    assert (vectors - means()).abs().max() < 1e-5 * means().abs().max()
    assert output["metadata"]["pooling"] == "mean over all tokens, [CLS] and [SEP] included"
    assert output["metadata"]["max_length"] == 10_000
    with np.load(run_folder / "output_1_DNABERT_S.npz") as file:
        assert np.array_equal(file["embeddings"], vectors.numpy())


def test_rna_has_the_vector_of_its_dna(run_folder: Path) -> None:
    of_rna, of_dna = (
        torch.load(run_folder / f"{name}_DNABERT_S.pt", weights_only=True)["data"][0]
        for name in ("rna", "output_1")
    )
    difference = of_rna["mean_representation"] - of_dna["mean_representation"]
    assert difference.abs().max() < 1e-5


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (("--include", "per_tok", "--format", "h5"), "DNABERT has no per_tok"),
        (("--include", "contacts", "--format", "h5"), "DNABERT has no contacts"),
        (("--reference",), "--reference: the makers' code of DNABERT is not part"),
    ],
)
def test_what_it_cannot_is_refused_before_any_work(
    run_folder: Path, model: Path, options: tuple[str, ...], reason: str, tmp_path: Path
) -> None:
    inputs, output = run_folder.parent / "sample_nucleotide", tmp_path / "out"
    result = tui_balancer_here(
        *("run", inputs, "-o", output, "--headless"),
        *("--model", model, "--devices", "cpu"),
        *options,
    )
    assert result.returncode == 2
    assert reason in result.stderr
    assert not output.exists()
