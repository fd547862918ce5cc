"""A run with ProtT5, and one with ProstT5 over structures: the means of transformers, so named."""

from __future__ import annotations

import json
from pathlib import Path

import h5py
import pytest
import torch

from tests.support.sessions import completed, session
from tests.support.t5 import NUMBERS, PREFIXES, STRUCTURE, hidden_states, make_t5_folder
from tui_balancer.embedding.settings import ReadAs

pytestmark = pytest.mark.usefixtures("preloaded")

SEQUENCES = {"short": "M", "other": "MKVLAAGW", "long": "MKTAYIAKQRQISFVKSHFSRQ" * 20}


@pytest.mark.parametrize("read_as", [None, "3di"])
def test_a_run_writes_the_means_of_transformers(read_as: ReadAs | None, tmp_path: Path) -> None:
    folder = make_t5_folder(tmp_path / "tiny", prefixed=read_as is not None)
    proteins = tmp_path / "a.fasta"
    proteins.write_text("".join(f">{id}\n{one}\n" for id, one in SEQUENCES.items()))
    output = tmp_path / "out"
    run = session(*(proteins, folder, output), formats=("h5",), repr_layers=(1, 3), read_as=read_as)
    assert completed(run).done == 1
    prefix, numbers = ([], NUMBERS)
    if read_as is not None:
        states = {letter.upper(): number for letter, number in STRUCTURE.items()}
        prefix, numbers = [PREFIXES["<fold2AA>"]], states
    layers = hidden_states(folder, list(SEQUENCES.values()), prefix, numbers)
    with h5py.File(output / "a_T5.h5") as file:
        metadata = json.loads(file.attrs["metadata"])
        assert metadata["alphabet"] == (read_as or "protein")
        assert metadata["model"] == ("tiny of structures" if read_as else "tiny")
        for place, id in enumerate(SEQUENCES):
            for layer in (1, 3):
                expected = layers[layer][place][len(prefix) : -1].mean(0)
                stored = torch.from_numpy(file[id][f"mean_{layer}"][:])
                torch.testing.assert_close(stored, expected, rtol=1e-5, atol=1e-5)
