"""Runs that keep more than one mean of a sequence, and the one file that is made of them."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pyarrow.parquet as pq
import pytest
import torch

from tests.support.checkpoints import make_checkpoint
from tests.support.commands import tui_balancer_here
from tests.support.fair_esm import extract, write_regression
from tests.support.sessions import completed, leftovers, session
from tui_balancer.embedding.families.code import resolve
from tui_balancer.embedding.families.esm2.checkpoints import load
from tui_balancer.embedding.families.requests import CheckpointModel
from tui_balancer.inputs.records import ReadingRules
from tui_balancer.manual.pages import page
from tui_balancer.outputs.formats import FormatName
from tui_balancer.representations import KINDS

FORMATS: tuple[FormatName, ...] = ("esm", "h5", "parquet")
SEQUENCES = {"p": "MKTAYIAKQRQISFVKSHFSRQ", "q": "MWYTTSSMM", "copy": "MWYTTSSMM", "r": "MKV"}

pytestmark = pytest.mark.usefixtures("preloaded")


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = make_checkpoint(tmp_path_factory.mktemp("models") / "esm2_tiny.pt")
    write_regression(path, maps=8)
    return path


@pytest.fixture(scope="module")
def proteins(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("proteins")
    (folder / "a.fasta").write_text("".join(f">{id}\n{one}\n" for id, one in SEQUENCES.items()))
    (folder / "b.fasta").write_text(f">p b's\n{SEQUENCES['p']}\n>long\n{'MKVLAAGWIT' * 5}\n")
    return folder


@pytest.fixture(scope="module")
def run_folder(proteins: Path, checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("run") / "out"
    run = session(
        *(proteins, checkpoint, output),
        formats=FORMATS,
        include=tuple(KINDS),
        repr_layers=(0, -1),
        cpu_workers=1,
        reading=ReadingRules(max_length=40, long="skip"),
    )
    summary = completed(run)
    assert (summary.done, summary.skipped, summary.copies) == (2, 1, 2)
    return output


def test_every_format_has_what_extract_writes(run_folder: Path, checkpoint: Path) -> None:
    loaded = load(resolve(CheckpointModel(checkpoint)))
    table = {row["id"]: row for row in pq.read_table(run_folder / "a_ESM.parquet").to_pylist()}
    with h5py.File(run_folder / "a_ESM.h5") as file:
        for id, sequence in SEQUENCES.items():
            expected = extract(loaded.model, loaded.alphabet, sequence, (0, 2))
            one = torch.load(run_folder / f"a_ESM.esm/00000/{id}.pt", weights_only=True)
            assert set(file[id]) == expected.keys()
            for name, values in expected.items():
                stored = torch.from_numpy(file[id][name][:])
                torch.testing.assert_close(stored, values, rtol=1e-5, atol=1e-5)
                assert np.array_equal(np.array(table[id][name], np.float32), stored.numpy())
            for layer in (0, 2):
                assert np.array_equal(
                    one["representations"][layer].numpy(), file[id][f"per_tok_{layer}"]
                )
                assert np.array_equal(
                    one["bos_representations"][layer].numpy(), file[id][f"bos_{layer}"]
                )
            assert np.array_equal(one["contacts"].numpy(), file[id]["contacts"])


def test_what_is_left_out_for_its_length_is_listed(run_folder: Path) -> None:
    with (run_folder / "b_ESM.tsv").open(newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    assert [(row["id"], row["length"], row["used_length"], row["truncated"]) for row in rows] == [
        ("p", "22", "22", "false"),
        ("long", "50", "0", "false"),
    ]
    assert (rows[1]["checksum"], rows[1]["reason"]) == ("", "longer than --max-length")
    with h5py.File(run_folder / "b_ESM.h5") as file:
        metadata = json.loads(file.attrs["metadata"])
    assert (metadata["skipped_ids"], metadata["long"]) == (["long"], "skip")
    assert (metadata["include"], metadata["layers"]) == (list(KINDS), [0, 2])


def test_nothing_that_was_in_between_stays(run_folder: Path) -> None:
    assert leftovers(run_folder) == []
    assert tui_balancer_here("verify", run_folder).stdout == (
        "8 outputs of 2 inputs verified, 5 sequences\n"
    )


def test_inspect_tells_what_is_kept(run_folder: Path) -> None:
    for suffix in ("h5", "parquet", "esm"):
        shown = tui_balancer_here("inspect", run_folder / f"a_ESM.{suffix}").stdout
        assert ": 4 sequences, of several sizes\n" in shown
        assert "mean_0, mean_2, bos_0, bos_2, per_tok_0, per_tok_2, contacts" in shown


def test_one_file_is_made_of_a_run_and_not_again(run_folder: Path) -> None:
    def merged() -> tuple[int, str]:
        result = tui_balancer_here("export", run_folder, "--format", "h5,parquet", "--merge")
        return result.returncode, result.stdout

    names = "merged.h5, merged.parquet, merged.tsv"
    assert merged() == (0, f"merged: 5 sequences of 2 inputs in {names}\n")
    assert merged() == (0, f"merged before: 5 sequences of 2 inputs in {names}\n")
    with h5py.File(run_folder / "merged.h5") as file, h5py.File(run_folder / "b_ESM.h5") as b:
        assert list(file) == ["a:p", "q", "copy", "r", "b:p"]
        assert np.array_equal(file["b:p"]["per_tok_2"][:], b["p"]["per_tok_2"][:])
    table = pq.read_table(run_folder / "merged.parquet")
    assert table["id"].to_pylist() == ["a:p", "q", "copy", "r", "b:p"]
    assert table["source"].to_pylist() == ["a.fasta"] * 4 + ["b.fasta"]
    with (run_folder / "merged.tsv").open(newline="") as lines:
        rows = list(csv.DictReader(lines, delimiter="\t"))
    assert [row["id"] for row in rows] == ["a:p", "q", "copy", "r", "b:p", "long"]
    # A file that is damaged is told, and made anew.
    path = run_folder / "merged.parquet"
    path.write_bytes(path.read_bytes()[:-1])
    problems = tui_balancer_here("verify", run_folder)
    assert problems.returncode == 1
    assert "problem  merged.parquet: its output has another size" in problems.stdout
    assert merged()[1].startswith("merged: ")
    assert tui_balancer_here("verify", run_folder).returncode == 0
    assert leftovers(run_folder) == []


def test_a_run_merges_at_its_end_and_windows_are_counted(
    proteins: Path, checkpoint: Path, tmp_path: Path
) -> None:
    options = (
        "--model",
        checkpoint,
        "--devices",
        "cpu",
        "--cpu-workers",
        "1",
        "--cpu-threads",
        "1",
    )
    asked = ("--format", "npz", "--merge", "--long", "window", "--max-length", "20", "--headless")
    result = tui_balancer_here("run", proteins, "-o", tmp_path / "out", *options, *asked)
    assert result.returncode == 0, result.stderr
    assert "merged: 6 sequences of 2 inputs in merged.npz, merged.tsv\n" in result.stdout
    assert "2 sequences equal earlier ones: computed once\n" in result.stdout
    assert "are embedded in windows: 3 in 2 files" in result.stdout
    with np.load(tmp_path / "out" / "merged.npz", allow_pickle=False) as file:
        assert list(file["ids"]) == ["a:p", "q", "copy", "r", "b:p", "long"]
        same = file["embeddings"]
        assert np.array_equal(same[1], same[2])
        assert np.array_equal(same[0], same[4])
    with np.load(tmp_path / "out" / "b_ESM.npz", allow_pickle=False) as file:
        metadata = json.loads(str(file["metadata"]))
    assert (metadata["windowed"], metadata["truncated"]) == (2, 0)
    again = tui_balancer_here("resume", tmp_path / "out", "--headless")
    assert "merged before: 6 sequences of 2 inputs" in again.stdout


def test_the_snippets_of_the_manual_for_several_kinds_work(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    part = page("outputs").partition("<!-- kinds-snippets")[2].partition("<!-- /kinds")[0]
    snippets = re.findall(r"```python\n(.*?)```", part, re.DOTALL)
    (tmp_path / "sample.fasta").write_text(">P1 a protein\nMKV\n>P2\nMLLW\n")
    run = session(
        *(tmp_path / "sample.fasta", checkpoint, tmp_path / "embeddings"),
        formats=FORMATS,
        include=("mean", "per_tok"),
        repr_layers=(1, 2),
        cpu_workers=1,
    )
    assert completed(run).done == 1
    monkeypatch.chdir(tmp_path)
    found: list[dict[str, Any]] = []
    for snippet in snippets:
        found.append({})
        exec(snippet, found[-1])
    one, h5, parquet = found
    expected = one["output"]["representations"][2].numpy()
    assert expected.shape == (3, 40)
    assert np.array_equal(h5["residues"], expected)
    assert np.array_equal(parquet["residues"], expected)
