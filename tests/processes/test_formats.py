"""Runs in every format at once: the same vectors in all of them, as fair-esm's script has them."""

from __future__ import annotations

import csv
import hashlib
import shutil
from pathlib import Path

import esm
import h5py
import numpy as np
import pyarrow.parquet as pq
import pytest
import torch

from tests.support.checkpoints import make_checkpoint
from tests.support.commands import tui_balancer_here
from tests.support.sessions import finished, leftovers, session
from tui_balancer.embedding.checkpoints import load, resolve
from tui_balancer.embedding.registry import CheckpointModel
from tui_balancer.errors import UserError
from tui_balancer.inputs.records import ReadingRules
from tui_balancer.outputs.formats import FORMATS, FormatName
from tui_balancer.run.continuation import StoredRun, find_run

ALL: tuple[FormatName, ...] = tuple(FORMATS)
MAX_LENGTH = 60
FASTA = (
    ">sp|P1|ONE_X one protein, with a description\nMKTAYIAKQRQISFVKSHFSRQ\n"
    ">two/slash\nMKTAYIAKQRQISFVK\n"
    f">long\n{'MKTAYIAKQRQISFVKSHFSRQLEERLGLIEVQ' * 3}\n"
    ">odd letters\nMKTAYJJKQRQISF\n"
)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_checkpoint(tmp_path_factory.mktemp("models") / "esm2_tiny.pt")


@pytest.fixture(scope="module")
def proteins(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("proteins")
    (folder / "a.fasta").write_text(FASTA)
    (folder / "b.fasta").write_text(">b1\nMKKLLAAGG\n>b2\nWYTTSSMM\n")
    return folder


@pytest.fixture(scope="module")
def run_folder(proteins: Path, checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("run") / "out"
    embed(proteins, checkpoint, output)
    return output


def embed(proteins: Path, checkpoint: Path, output: Path) -> None:
    run = session(
        proteins,
        checkpoint,
        output,
        formats=ALL,
        cpu_workers=1,
        reading=ReadingRules(max_length=MAX_LENGTH),
    )
    run.start()
    assert finished(run).done == 2


def outputs(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and "_ESM." in str(path.relative_to(folder))
    }


def stored(folder: Path) -> StoredRun:
    run = find_run(folder)
    assert run is not None
    return run


def extract(checkpoint: Path, fasta: Path, folder: Path) -> None:
    """Do what fair-esm's `scripts/extract.py --include mean` does, by its own library."""
    loaded = load(resolve(CheckpointModel(checkpoint)))
    dataset = esm.FastaBatchedDataset.from_file(fasta)
    loader = torch.utils.data.DataLoader(
        dataset,
        collate_fn=loaded.alphabet.get_batch_converter(MAX_LENGTH),
        batch_sampler=dataset.get_batch_indices(4096, extra_toks_per_seq=1),
    )
    with torch.no_grad():
        for labels, strings, tokens in loader:
            states = loaded.model(tokens, repr_layers=[2])["representations"][2]
            for row, label in enumerate(labels):
                length = min(MAX_LENGTH, len(strings[row]))
                path = folder / f"{label}.pt"
                path.parent.mkdir(parents=True, exist_ok=True)
                mean = states[row, 1 : length + 1].mean(0).clone()
                torch.save({"label": label, "mean_representations": {2: mean}}, path)


def test_the_esm_format_is_what_extract_writes(
    run_folder: Path, proteins: Path, checkpoint: Path, tmp_path: Path
) -> None:
    # What we read as X, fair-esm's alphabet does not know.
    (tmp_path / "a.fasta").write_text(FASTA.replace("J", "X"))
    extract(checkpoint, tmp_path / "a.fasta", tmp_path / "theirs")
    theirs = [torch.load(path, weights_only=True) for path in tmp_path.glob("theirs/**/*.pt")]
    ours = [torch.load(path, weights_only=True) for path in run_folder.glob("a_ESM.esm/00000/*.pt")]
    by_label = {one["label"]: one for one in ours}
    assert len(theirs) == len(ours) == len(by_label) == 4
    for expected in theirs:
        actual = by_label[expected["label"]]
        assert actual.keys() == expected.keys()
        assert actual["mean_representations"].keys() == {2}
        torch.testing.assert_close(
            actual["mean_representations"], expected["mean_representations"], rtol=1e-5, atol=1e-5
        )
    assert (run_folder / "a_ESM.esm/00000/odd letters.pt").is_file()


def test_all_formats_have_the_same_vectors_and_the_index_their_checksums(run_folder: Path) -> None:
    stem = run_folder / "a_ESM"
    output = torch.load(stem.with_suffix(".pt"), weights_only=True)
    expected = {
        id: vector.numpy() for id, vector in zip(output["proteins"], output["data"], strict=True)
    }
    assert list(expected) == ["sp|P1|ONE_X", "two/slash", "long", "odd"]
    with np.load(stem.with_suffix(".npz"), allow_pickle=False) as archive:
        assert list(archive["ids"]) == list(expected)
        assert np.array_equal(archive["embeddings"], np.stack(list(expected.values())))
    with h5py.File(stem.with_suffix(".h5")) as file:
        assert list(file) == ["sp|P1|ONE_X", "two_slash", "long", "odd"]
        assert file["two_slash"].attrs["original_id"] == "two/slash"
        for name, vector in zip(file, expected.values(), strict=True):
            assert np.array_equal(file[name][:], vector)
    table = pq.read_table(stem.with_suffix(".parquet")).to_pylist()
    for row, (id, vector) in zip(table, expected.items(), strict=True):
        assert (row["id"], row["embedding"]) == (id, vector.tolist())
    with stem.with_suffix(".tsv").open(newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    assert [row["header"] for row in rows] == [
        line[1:] for line in FASTA.splitlines() if line.startswith(">")
    ]
    assert [row["checksum"] for row in rows] == [
        hashlib.sha256(vector.tobytes()).hexdigest() for vector in expected.values()
    ]
    long, odd = rows[2:]
    assert (long["length"], long["used_length"], long["truncated"]) == ("99", "60", "true")
    assert (odd["replaced"], odd["truncated"], odd["file"]) == ("2", "false", "a.fasta")


def test_the_same_run_makes_the_same_bytes_in_every_format(
    run_folder: Path, proteins: Path, checkpoint: Path, tmp_path: Path
) -> None:
    embed(proteins, checkpoint, tmp_path / "again")
    assert outputs(tmp_path / "again") == outputs(run_folder)
    assert leftovers(run_folder) == []


@pytest.mark.parametrize(
    "victim", ["a_ESM.npz", "a_ESM.tsv", "a_ESM.esm/00000/long.pt", "a_ESM.esm/SHA256SUMS"]
)
def test_a_damaged_output_of_any_format_is_made_anew(
    victim: str, run_folder: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "out"
    shutil.copytree(run_folder, folder)
    before = {row.file.name: row.attempts for row in stored(folder).files}
    path = folder / victim
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    result = tui_balancer_here("resume", folder, "--headless")
    assert result.returncode == 0, result.stderr
    assert "1 output will be made anew (a.fasta: its output has other bytes" in result.stdout
    assert outputs(folder) == outputs(run_folder)
    assert leftovers(folder) == []
    after = {row.file.name: row.attempts for row in stored(folder).files}
    assert after == before | {"a.fasta": before["a.fasta"] + 1}


def test_the_formats_of_a_run_stay_what_they_are(
    run_folder: Path, proteins: Path, checkpoint: Path
) -> None:
    with pytest.raises(UserError, match=r"--format is virnucpro,esm,h5,npz,parquet there, h5 was"):
        session(proteins, checkpoint, run_folder, formats=("h5",), cpu_workers=1)
