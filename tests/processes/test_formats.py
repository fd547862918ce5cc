"""Runs in every format at once: the same vectors in all of them, as fair-esm's script has them."""

from __future__ import annotations

import csv
import hashlib
import re
import shutil
from pathlib import Path
from typing import Any

import esm
import h5py
import numpy as np
import pyarrow.parquet as pq
import pytest
import torch

from tests.support.checkpoints import make_checkpoint
from tests.support.commands import tui_balancer_here
from tests.support.fair_esm import extracted_means
from tests.support.sessions import completed, leftovers, session
from tui_balancer.embedding.families.code import resolve
from tui_balancer.embedding.families.esm2.checkpoints import load
from tui_balancer.embedding.families.requests import CheckpointModel
from tui_balancer.errors import UserError
from tui_balancer.export.merge import merge
from tui_balancer.inputs.records import ReadingRules
from tui_balancer.manual.pages import page
from tui_balancer.outputs.formats import FORMATS, INDEX, FormatName
from tui_balancer.run.prepare.resume import StoredRun, find_run

pytestmark = pytest.mark.usefixtures("preloaded")

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
    assert completed(run).done == 2


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
    means = extracted_means(loaded.model, loaded.alphabet, dataset, layer=2, longest=MAX_LENGTH)
    for label, mean in means.items():
        path = folder / f"{label}.pt"
        path.parent.mkdir(parents=True, exist_ok=True)
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
    assert "1 output will be made again (a.fasta: its output has other bytes" in result.stdout
    assert outputs(folder) == outputs(run_folder)
    assert leftovers(folder) == []
    after = {row.file.name: row.attempts for row in stored(folder).files}
    assert after == before | {"a.fasta": before["a.fasta"] + 1}


def test_a_quiet_run_says_nothing_where_every_file_is_done(
    run_folder: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "out"
    shutil.copytree(run_folder, folder)
    (folder / "a_ESM.npz").unlink()
    result = tui_balancer_here("resume", folder, "--quiet")
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
    assert outputs(folder) == outputs(run_folder)
    assert "2 of 2 files done" in (folder / "logs" / "run.log").read_text()


def test_the_formats_of_a_run_stay_what_they_are(
    run_folder: Path, proteins: Path, checkpoint: Path
) -> None:
    with pytest.raises(UserError, match=f"--format is {','.join(ALL)} there, h5 was"):
        session(proteins, checkpoint, run_folder, formats=("h5",), cpu_workers=1)


def test_an_export_is_what_the_run_would_have_written(
    run_folder: Path, proteins: Path, checkpoint: Path, tmp_path: Path
) -> None:
    plain = tmp_path / "plain"
    run = session(
        proteins, checkpoint, plain, cpu_workers=1, reading=ReadingRules(max_length=MAX_LENGTH)
    )
    assert completed(run).done == 2
    result = tui_balancer_here("export", plain, "--format", ",".join(ALL))
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout == f"{2 * len(ALL) - 2} outputs written of 2 inputs\n"
    assert outputs(plain) == outputs(run_folder)
    elsewhere = tui_balancer_here("export", run_folder, "--format", "h5", "--to", tmp_path / "h5")
    assert elsewhere.returncode == 0
    assert outputs(tmp_path / "h5") == {
        name: content for name, content in outputs(run_folder).items() if name.endswith(".h5")
    }
    (plain / "a_ESM.pt").unlink()
    before = outputs(plain)
    again = tui_balancer_here("export", plain, "--format", "h5")
    assert (again.returncode, outputs(plain)) == (2, before)
    assert "b_ESM.h5. Replace them with --overwrite" in again.stderr
    partly = tui_balancer_here("export", plain, "--format", "h5", "--overwrite")
    assert (partly.returncode, partly.stdout.splitlines()) == (
        1,
        [
            "1 output written of 1 input",
            "problem  a.fasta: its output is gone (a_ESM.pt)",
        ],
    )
    assert leftovers(plain) == []


def test_verify_finds_what_is_wrong_in_whatever_format(
    run_folder: Path, proteins: Path, tmp_path: Path
) -> None:
    def verified(folder: Path) -> tuple[int, list[str]]:
        result = tui_balancer_here("verify", folder)
        return result.returncode, result.stdout.splitlines()

    assert verified(run_folder) == (
        0,
        [f"{2 * len(ALL) + 2} outputs of 2 inputs verified, 6 sequences"],
    )
    folder = tmp_path / "out"
    shutil.copytree(run_folder, folder)
    (folder / "b_ESM.npz").unlink()
    assert verified(folder)[1][1:] == ["problem  b.fasta: its output is gone (b_ESM.npz)"]
    assert verified(tmp_path)[0] == 2


def test_verify_looks_at_the_vectors_of_exports_too(
    proteins: Path, checkpoint: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "out"
    completed(session(proteins, checkpoint, folder, cpu_workers=1))
    assert tui_balancer_here("export", folder, "--format", "h5").returncode == 0
    for number, problem in ((np.nan, "is not finite"), (1.0, "is not the one of the index")):
        with h5py.File(folder / "b_ESM.h5", "r+") as file:
            file["b2"][3] = number
        result = tui_balancer_here("verify", folder)
        assert result.returncode == 1
        assert f"problem  b.fasta: b_ESM.h5: the vector of b2 {problem}" in result.stdout


def test_inspect_shows_any_output(run_folder: Path) -> None:
    for suffix, name in ((one.suffix, one.name) for one in FORMATS.values()):
        shown = tui_balancer_here("inspect", run_folder / f"a_ESM{suffix}")
        assert shown.returncode == 0, shown.stderr
        assert f"{name}: 4 sequences, 40 numbers each\n" in shown.stdout
        assert "  model            esm2_tiny\n" in shown.stdout
        assert "\ntwo/slash  " in shown.stdout
    one = tui_balancer_here("inspect", run_folder / "a_ESM.esm/00000/long.pt").stdout
    assert one.startswith("esm: 1 sequence, 40 numbers each\nlong  ")
    table = tui_balancer_here("inspect", run_folder / "a_ESM.tsv").stdout
    assert table.splitlines()[0].startswith("id  header  file")
    assert len(table.splitlines()) == 5


@pytest.mark.parametrize("name", ["a_ESM.h5", "b.pt", "notes.txt", "gone_ESM.tsv"])
def test_inspect_refuses_what_is_no_output_in_one_line(name: str, tmp_path: Path) -> None:
    if "gone" not in name:
        (tmp_path / name).write_bytes(b"notes")
    result = tui_balancer_here("inspect", tmp_path / name)
    assert result.returncode == 2
    assert len(result.stderr.splitlines()) == 1
    assert name in result.stderr


def test_the_loading_snippets_of_readme_and_manual_work(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    readme = Path(__file__).parents[2] / "README.md"
    part = page("outputs").partition("<!-- loading-snippets")[2].partition("<!-- /loading")[0]
    snippets = re.findall(r"```python\n(.*?)```", part, re.DOTALL)
    (example,) = re.findall(r"```python\n(.*?)```", readme.read_text(), re.DOTALL)
    (tmp_path / "sample.fasta").write_text(">P1 a protein\nMKV\n>P2\nMLLW\n>P3\nMAAAC\n")
    output = tmp_path / "embeddings"
    completed(session(tmp_path / "sample.fasta", checkpoint, output, formats=ALL, cpu_workers=1))
    merge(output, ("npz",))
    monkeypatch.chdir(tmp_path)

    def named_by(snippet: str) -> dict[str, Any]:
        found: dict[str, Any] = {}
        exec(snippet, found)
        return found

    found = {re.findall(r"sample_ESM(\.\w+)", one)[0]: named_by(one) for one in snippets}
    assert {one.suffix for one in (*FORMATS.values(), INDEX)} - found.keys() == set()
    virnucpro = found[".pt"]["output"]
    first = virnucpro["data"][0].numpy()
    assert np.array_equal(found[".esm"]["output"]["mean_representations"][2], first)
    assert np.array_equal(found[".h5"]["vector"], first)
    assert np.array_equal(found[".npz"]["matrix"][0], first)
    assert found[".parquet"]["table"]["embedding"][0].as_py() == first.tolist()
    assert found[".tsv"]["rows"][0]["checksum"] == hashlib.sha256(first.tobytes()).hexdigest()
    told = [names["metadata"] for names in found.values() if "metadata" in names]
    assert len(told) >= 3
    assert all(metadata == virnucpro["metadata"] for metadata in told)
    names, similarities = zip(*named_by(example)["neighbours"], strict=True)
    assert sorted(names) == ["P2", "P3"]
    assert 1 > similarities[0] >= similarities[1]
