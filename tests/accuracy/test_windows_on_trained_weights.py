"""How near windows come to a long sequence that goes through the model as a whole."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from Bio.SeqIO.FastaIO import SimpleFastaParser

from tests.support import trained
from tui_balancer.embedding.embedder import Embedder
from tui_balancer.embedding.families.code import load, resolve
from tui_balancer.embedding.families.requests import CheckpointModel
from tui_balancer.embedding.settings import EmbeddingSettings
from tui_balancer.inputs.windows import windows
from tui_balancer.workers.vectors.row_store import joined_row

torch.set_num_threads(1)

REAL_PROTEINS = Path(__file__).parents[1] / "data" / "real_proteins.faa"


@pytest.fixture(scope="module")
def embedder() -> Embedder:
    loaded = load(resolve(CheckpointModel(trained.model_folder())))
    return Embedder(loaded, "cpu:0", EmbeddingSettings(include=("mean", "per_tok")))


@pytest.fixture(scope="module")
def chain() -> str:
    """All real proteins in a row: one of many domains."""
    with REAL_PROTEINS.open() as file:
        return "".join(text for _, text in SimpleFastaParser(file))


def embedded(embedder: Embedder, text: str) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the mean and the residues of a sequence."""
    mean, residues = embedder.kept.parts(len(text))
    row = embedder.embed([text])
    return row[mean.numbers], row[residues.numbers].view(residues.shape)


@pytest.mark.parametrize(
    ("max_length", "least", "residues"), [(128, 0.98, 0.94), (256, 0.99, 0.96), (512, 0.99, 0.975)]
)
def test_windows_are_at_least_twice_as_near_to_the_whole_as_its_beginning_is(
    embedder: Embedder, chain: str, max_length: int, least: float, residues: float
) -> None:
    whole, each = embedded(embedder, chain)
    places = windows(len(chain), max_length)
    rows = [embedder.embed([chain[start:end]]).numpy() for start, end in places]
    row = torch.from_numpy(joined_row(embedder.kept, len(chain), places, rows))
    mean, per_tok = embedder.kept.parts(len(chain))
    windowed = row[mean.numbers]
    cut, _ = embedded(embedder, chain[:max_length])
    near = torch.cosine_similarity(windowed, whole, dim=0)
    assert near >= least
    assert 1 - near <= (1 - torch.cosine_similarity(cut, whole, dim=0)) / 2
    cosines = torch.cosine_similarity(row[per_tok.numbers].view(per_tok.shape), each)
    assert cosines.median() >= residues
