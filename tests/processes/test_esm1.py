"""A run with ESM-1b: its positions decide the windows, and its vectors are fair-esm's."""

from __future__ import annotations

import json
from pathlib import Path

import h5py
import pytest
import torch

from tests.support.checkpoints import make_esm1_checkpoint
from tests.support.sessions import completed, session
from tui_balancer.embedding.embedder import Embedder
from tui_balancer.embedding.families.code import load, resolve
from tui_balancer.embedding.families.requests import CheckpointModel
from tui_balancer.embedding.settings import EmbeddingSettings
from tui_balancer.inputs.records import OF_THE_MODEL, ReadingRules
from tui_balancer.inputs.windows import windows

pytestmark = pytest.mark.usefixtures("preloaded")

POSITIONS, LONGEST = 34, 32
SEQUENCES = {"short": "MKV", "whole": "MKVLAAGWITSE" * 2 + "MKVLAAGW", "long": "MWYTTSSMMA" * 9}


def test_long_sequences_go_through_in_windows_of_the_models_positions(tmp_path: Path) -> None:
    checkpoint = make_esm1_checkpoint(tmp_path / "esm1b_tiny.pt", positions=POSITIONS)
    proteins = tmp_path / "a.fasta"
    proteins.write_text("".join(f">{id}\n{one}\n" for id, one in SEQUENCES.items()))
    run = session(
        *(proteins, checkpoint, tmp_path / "out"),
        formats=("h5",),
        cpu_workers=1,
        reading=ReadingRules(max_length=OF_THE_MODEL, long="window"),
    )
    assert completed(run).done == 1
    reference = Embedder(
        load(resolve(CheckpointModel(checkpoint))), "cpu:0", EmbeddingSettings(reference=True)
    )
    with h5py.File(tmp_path / "out" / "a_ESM.h5") as file:
        metadata = json.loads(file.attrs["metadata"])
        assert (metadata["max_length"], metadata["windowed"]) == (LONGEST, 1)
        for id, sequence in SEQUENCES.items():
            whole, residues = torch.zeros(40), 0
            for start, end in windows(len(sequence), LONGEST):
                whole += reference.embed([sequence[start:end]])[0] * (end - start)
                residues += end - start
            stored = torch.from_numpy(file[id][:])
            torch.testing.assert_close(stored, whole / residues, rtol=1e-5, atol=1e-5)
