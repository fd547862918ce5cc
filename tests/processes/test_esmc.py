"""A run with ESM C: its makers' file gives the vectors of transformers, under a mark of its own."""

from __future__ import annotations

import json
from pathlib import Path

import h5py
import pytest
import torch
from transformers import EsmcTokenizer

from tests.support.esmc import LAYERS, hidden_states, make_file, make_model
from tests.support.sessions import completed, session
from tui_balancer.embedding.families.esmc.family import FAMILY
from tui_balancer.inputs.records import OF_THE_MODEL, ReadingRules

pytestmark = pytest.mark.usefixtures("preloaded")

SEQUENCES = {"short": "M", "other": "MXXWWU", "long": "MKTAYIAKQRQISFVKSHFSRQ" * 60}


def test_a_run_with_the_makers_file_writes_the_means_of_transformers(tmp_path: Path) -> None:
    model = make_model()
    proteins = tmp_path / "a.fasta"
    proteins.write_text("".join(f">{id}\n{one}\n" for id, one in SEQUENCES.items()))
    run = session(
        *(proteins, make_file(tmp_path / "esmc_small.pth", model), tmp_path / "out"),
        formats=("h5",),
        cpu_workers=1,
        repr_layers=(2, LAYERS),
        reading=ReadingRules(max_length=OF_THE_MODEL),
    )
    assert completed(run).done == 1
    with h5py.File(tmp_path / "out" / f"a_{FAMILY.mark}.h5") as file:
        assert json.loads(file.attrs["metadata"])["max_length"] == FAMILY.max_length
        for id, sequence in SEQUENCES.items():
            tokens = EsmcTokenizer()(sequence, return_tensors="pt")["input_ids"]
            states = hidden_states(model, tokens)
            for layer in (2, LAYERS):
                stored = torch.from_numpy(file[id][f"mean_{layer}"][:])
                expected = states[layer][0, 1:-1].mean(0)
                torch.testing.assert_close(stored, expected, rtol=1e-5, atol=1e-5)
