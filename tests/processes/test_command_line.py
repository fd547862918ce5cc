"""The program as its user starts it: real processes, real sequences, real forward passes."""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import esm
import psutil
import pytest
import torch

from tests.support.checkpoints import make_checkpoint
from tests.support.commands import all_end, complete, tui_balancer_here
from tests.support.fair_esm import extracted_means
from tui_balancer.embedding.families.esm2.checkpoints import load
from tui_balancer.embedding.families.requests import UntrainedModel
from tui_balancer.inputs.synthetic import write_synthetic
from tui_balancer.manual.pages import page

REAL_PROTEINS = Path(__file__).parents[1] / "data" / "real_proteins.faa"
MODEL = "esm2_t6_8M_UR50D"
ESM1B = "esm1b_t33_650M_UR50S"


def command(*arguments: str | Path) -> list[str]:
    return [sys.executable, "-m", "tui_balancer", *map(str, arguments)]


def tui_balancer(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return complete(command(*arguments))


@pytest.fixture(scope="module")
def proteins(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("proteins")
    write_synthetic(folder, files=6, sequences=24, seed=1)
    shutil.copy(REAL_PROTEINS, folder / "real.faa")
    return folder


@pytest.fixture(scope="module")
def giants_and_peptides(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One file of giant proteins beside many of peptides.

    A FLOP of attention takes longer than one of a matrix product, so the device with the giants
    falls behind what its cost promised, and the files queued behind them are there to be stolen.
    """
    folder = tmp_path_factory.mktemp("uneven")
    residues = random.Random(1).choices("ACDEFGHIKLMNPQRSTVWY", k=8_000)
    _write_proteome(folder / "giants.faa", residues[:3_000], length=1000)
    for number in range(12):
        # Each has its own: copies would be computed once.
        own = residues[3_000 + 400 * number :][:400]
        _write_proteome(folder / f"peptides{number:02}.faa", own, length=40)
    shutil.copy(REAL_PROTEINS, folder / "real.faa")
    return folder


def _write_proteome(path: Path, residues: list[str], length: int) -> None:
    proteins = ["".join(residues[at : at + length]) for at in range(0, len(residues), length)]
    path.write_text("".join(f">{path.stem}_{n}\n{one}\n" for n, one in enumerate(proteins)))


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_checkpoint(tmp_path_factory.mktemp("models") / "esm2_tiny.pt")


def outputs(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.glob("*_ESM.pt")}


def test_a_folder_is_embedded_with_steals_to_the_bytes_of_one_quiet_worker(
    giants_and_peptides: Path, tmp_path: Path
) -> None:
    common = (
        "--model", f"untrained:{MODEL}", "--devices", "cpu", "--cpu-threads", "1",
        # Less than what is in the smallest file: none are bundled.
        "--batch-tokens", "256",
    )  # fmt: skip
    # The first worker is overrated and gets nearly all files. The second has none left at once, and
    # the rule counts files: however fast the machine is, there is something to steal.
    busy = tui_balancer(
        "run", giants_and_peptides, "-o", tmp_path / "stolen", *common, "--cpu-workers", "2",
        "--weights", "cpu:0=1000,cpu:1=1", "--policy", "count", "--headless",
    )  # fmt: skip
    quiet = tui_balancer(
        "run", giants_and_peptides, "-o", tmp_path / "quiet", *common, "--cpu-workers", "1",
        "--no-stealing", "--headless",
    )  # fmt: skip
    assert (busy.returncode, quiet.returncode) == (0, 0), busy.stdout + busy.stderr
    assert re.search(r"steal +cpu:0 → cpu:1 +\S+", busy.stdout), busy.stdout
    assert "14 of 14 files done: " in busy.stdout
    (start,) = re.findall(r"\nstart +first batch (\d+\.\d)s after the command\n", busy.stdout)
    assert float(start) > 0
    assert f"untrained {MODEL}" in busy.stdout
    assert len(outputs(tmp_path / "quiet")) == 14
    assert outputs(tmp_path / "stolen") == outputs(tmp_path / "quiet")
    loaded = load(UntrainedModel(MODEL, seed=0).source())
    for fasta in giants_and_peptides.iterdir():
        output = torch.load(tmp_path / "stolen" / f"{fasta.stem}_ESM.pt", weights_only=True)
        dataset = esm.FastaBatchedDataset.from_file(fasta)
        means = extracted_means(loaded.model, loaded.alphabet, dataset, layer=6)
        expected = {label.split()[0]: mean for label, mean in means.items()}
        assert output["proteins"] == [
            line.split()[0][1:] for line in fasta.read_text().splitlines() if line[0] == ">"
        ]
        for name, vector in zip(output["proteins"], output["data"], strict=True):
            torch.testing.assert_close(vector, expected[name], rtol=1e-5, atol=1e-5)
        assert output["metadata"]["untrained"] is True


def nextflow_script(proteins: Path, launched: Path) -> str:
    """Return what Nextflow makes of the manual's process and hands to bash."""
    found = re.search(
        r'<!-- nextflow-process -->.*?"""\n(.*?)\n *"""', page("pipelines"), re.DOTALL
    )
    assert found is not None
    return found[1].replace("${proteins}", str(proteins)).replace("${launchDir}", str(launched))


def test_a_bad_file_fails_with_its_reason_and_the_others_go_on(
    proteins: Path, checkpoint: Path, tmp_path: Path
) -> None:
    inputs, task = tmp_path / "in", tmp_path / "work" / "3f"
    shutil.copytree(proteins, inputs)
    (inputs / "notes.fasta").write_text("these are my notes\n")
    task.mkdir(parents=True)
    result = complete(
        ["bash", "-ue", "-c", nextflow_script(inputs, tmp_path)],
        cwd=task,
        env={
            **os.environ,
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "TUI_BALANCER_MODEL": str(checkpoint),
            "TUI_BALANCER_DEVICES": "cpu",
        },
    )
    assert (result.returncode, result.stdout) == (1, "")
    assert "7 of 8 files done" in result.stderr
    assert re.search(r"notes\.fasta: line 1", result.stderr)
    assert "Traceback" not in result.stderr
    account = json.loads((task / "embeddings.json").read_text())
    assert (account["done"], account["failed"], account["waiting"]) == (7, 1, 0)
    (reason,) = {file["reason"] for file in account["files"]} - {""}
    assert "line 1: not FASTA" in reason
    again = tui_balancer_here("report", tmp_path / "embeddings", "--json")
    assert json.loads(again.stdout) == account


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere/*.faa", "--model", f"untrained:{MODEL}"], "nowhere"),
        (["{proteins}", "--model", "esm2_t6_8M"], f"did you mean {MODEL}"),
        (["{proteins}", "--model", "missing.pt"], "missing.pt"),
        (["{proteins}", "--model", "{proteins}/real.faa"], "real.faa"),
        (["{proteins}", "--model", f"untrained:{MODEL}", "--devices", "tpu"], "tpu"),
        (["{proteins}", "--model", f"untrained:{MODEL}", "--repr-layer", "9"], "layer 9"),
        (["{proteins}", "--model", f"untrained:{ESM1B}", "--max-length", "1023"], "1022 residues"),
        (["{proteins}", "--model", f"untrained:{MODEL}", "--threshold-ratio", "3"], "--policy"),
        (["{proteins}", "--model", f"untrained:{MODEL}", "--cpu-workers", "x"], "--cpu-workers"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2_before_any_worker_starts(
    proteins: Path, tmp_path: Path, arguments: list[str], message: str
) -> None:
    filled = [argument.format(proteins=proteins) for argument in arguments]
    if "--devices" not in filled:
        filled += ["--devices", "cpu"]
    result = tui_balancer("run", *filled, "-o", tmp_path / "out")
    assert result.returncode == 2
    assert message in result.stderr
    assert "Traceback" not in result.stderr
    assert not (tmp_path / "out").exists()


def test_an_interrupt_stops_after_the_batch_in_flight_and_leaves_nothing_half_written(
    proteins: Path, tmp_path: Path
) -> None:
    big = tmp_path / "big"
    write_synthetic(big, files=3, sequences=3000, seed=2)
    process = subprocess.Popen(
        command(
            "run", big, "-o", tmp_path / "out", "--model", f"untrained:{MODEL}",
            "--devices", "cpu", "--cpu-workers", "2", "--headless",
        ),
        stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    assert any("cpu:0  idle: model loaded" in line for line in process.stdout)
    workers = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(signal.SIGINT)
    rest = process.stdout.read()
    assert process.wait() == 130
    assert "3 files still waiting" in rest
    assert all_end(workers)
    assert not list((tmp_path / "out").rglob("*.tmp"))


def test_plan_shows_who_would_get_what_and_writes_nothing(proteins: Path, tmp_path: Path) -> None:
    words = ("plan", proteins, "--model", f"untrained:{MODEL}")
    result = complete(command(*words, "--devices", "cpu", "--cpu-workers", "2"), cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert "7 files" in result.stdout
    assert re.search(r"cpu:0.*cpu:1", result.stdout, re.DOTALL)
    assert re.search(r"estimated finish with stealing: ~(\d+m )?\d+s", result.stdout)
    assert not list(tmp_path.iterdir())


def test_devices_names_weights_and_why() -> None:
    result = tui_balancer("devices", "--devices", "cpu", "--cpu-workers", "2", "--weights", "2,1")
    assert result.returncode == 0, result.stderr
    assert re.search(r"cpu:0 .*2\.00.*--weights", result.stdout)
