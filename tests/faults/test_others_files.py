"""Files of others among a run's outputs: before it, while it runs, and where it died."""

from __future__ import annotations

import hashlib
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.commands import tui_balancer_here as tui_balancer
from tests.support.sessions import finished, leftovers, outputs, session
from tui_balancer.ledger.reading import read_ledger
from tui_balancer.ledger.records import FileState
from tui_balancer.ledger.schema import LEDGER_NAME

CPU = ("--devices", "cpu", "--cpu-workers", "1", "--cpu-threads", "1", "--headless")

pytestmark = pytest.mark.usefixtures("preloaded")


def everything(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


def change_ledger(folder: Path, statement: str) -> None:
    with closing(sqlite3.connect(folder / LEDGER_NAME)) as ledger, ledger:
        assert ledger.execute(statement).rowcount > 0


@pytest.fixture(scope="module")
def run_folder(proteins: Path, checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run") / "out"
    run = session(proteins, checkpoint, folder, cpu_workers=1)
    run.start()
    assert finished(run).done == 4
    return folder


@pytest.fixture
def out(run_folder: Path, tmp_path: Path) -> Path:
    """A finished run of the test's own."""
    return Path(shutil.copytree(run_folder, tmp_path / "out"))


def test_the_command_is_refused_before_any_work_and_touches_nothing(
    proteins: Path, checkpoint: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    (out / "sample_1_ESM.esm").mkdir(parents=True)
    (out / "sample_1_ESM.esm" / "theirs").write_text("theirs")
    (out / "sample_2_ESM.tsv").write_text("theirs")
    before = everything(out)
    command = ("run", proteins, "-o", out, "--model", checkpoint, "--format", "esm", *CPU)
    refused = tui_balancer(*command)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "sample_1_ESM.esm" in refused.stderr
    assert len(refused.stderr.splitlines()) == 1
    assert everything(out) == before
    assert tui_balancer(*command, "--overwrite").returncode == 2
    assert everything(out) == before
    (out / "sample_1_ESM.esm").rename(out / "theirs")
    assert tui_balancer(*command, "--overwrite").returncode == 0
    assert (out / "theirs" / "theirs").read_text() == "theirs"
    assert tui_balancer("verify", out).returncode == 0


@pytest.mark.parametrize("name", ["sample_2_ESM.pt", "sample_2_ESM.tsv"])
def test_a_file_that_comes_during_the_run_stays_and_its_input_fails(
    name: str, proteins: Path, checkpoint: Path, quiet: dict[str, bytes], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    run = session(proteins, checkpoint, out, cpu_workers=1)
    theirs = out / name
    theirs.write_text("theirs")
    run.start()
    summary = finished(run)
    assert (summary.done, summary.waiting) == (3, 0)
    ((_, reason),) = [(one.name, one.reason) for one in summary.failed]
    assert reason == f"{name} exists, and this run did not write it. Move it away and retry"
    assert theirs.read_text() == "theirs"
    # Nothing of that input's outputs is left.
    assert [path.name for path in out.glob("sample_2_ESM*")] == [name]
    assert leftovers(out) == []

    assert tui_balancer("resume", out, "--headless").returncode == 1
    refused = tui_balancer("resume", out, "--retry-failed", "--headless")
    assert (refused.returncode, theirs.read_text()) == (2, "theirs")
    assert name in refused.stderr
    theirs.unlink()
    assert tui_balancer("resume", out, "--retry-failed", "--headless").returncode == 0
    assert outputs(out) == quiet


def test_outputs_that_were_in_place_when_the_app_died_are_the_run_s_own(
    out: Path, quiet: dict[str, bytes]
) -> None:
    change_ledger(out, "UPDATE files SET state = 'leased', output_sha256 = '' WHERE id < 2")
    (out / "sample_1_ESM.tsv").unlink()
    resumed = tui_balancer("resume", out, "--headless")
    assert resumed.returncode == 0, resumed.stderr
    assert outputs(out) == quiet
    assert tui_balancer("verify", out).returncode == 0


def test_outputs_that_the_run_never_began_to_put_in_place_are_not_its_own(out: Path) -> None:
    change_ledger(out, "UPDATE files SET state = 'leased', owned = 0 WHERE id = 0")
    before = everything(out)
    refused = tui_balancer("resume", out, "--headless")
    assert refused.returncode == 2
    assert "sample_1_ESM.pt" in refused.stderr
    assert everything(out) == before
    assert tui_balancer("resume", out, "--overwrite", "--headless").returncode == 0
    assert tui_balancer("verify", out).returncode == 0


def test_a_lost_ledger_leaves_outputs_that_only_overwrite_replaces(
    out: Path, proteins: Path, checkpoint: Path, quiet: dict[str, bytes]
) -> None:
    (out / LEDGER_NAME).unlink()
    (out / "sample_1_ESM.pt.partial").write_bytes(b"left over")
    (out / "sample_1_ESM.pt.9.tmp").write_bytes(b"left over")
    command = ("run", proteins, "-o", out, "--model", checkpoint, "--batch-tokens", "256", *CPU)
    before = everything(out)
    refused = tui_balancer(*command)
    assert (refused.returncode, everything(out)) == (2, before)
    again = tui_balancer(*command, "--overwrite")
    assert again.returncode == 0, again.stderr
    assert outputs(out) == quiet
    assert leftovers(out) == []


def test_what_an_input_that_changed_had_as_its_output_is_replaced(
    checkpoint: Path, tmp_path: Path
) -> None:
    proteins, out = tmp_path / "in", tmp_path / "out"
    proteins.mkdir()
    (proteins / "a.fasta").write_text(">a\nMKV\n")
    command = ("run", proteins, "-o", out, "--model", checkpoint, "--format", "esm,h5", *CPU)
    assert tui_balancer(*command).returncode == 0
    (proteins / "a.fasta").write_text(">b\nMKVLL\n")
    # Begun with the changed input, and cut off before it was done.
    assert tui_balancer(*command, "--rescan").returncode == 0
    change_ledger(out, "UPDATE files SET state = 'waiting', output_sha256 = ''")
    assert tui_balancer("resume", out, "--headless").returncode == 0
    assert tui_balancer("verify", out).returncode == 0
    with closing(read_ledger(out / LEDGER_NAME)) as ledger:
        assert [(row.state, row.owned) for row in ledger.files()] == [(FileState.DONE, True)]
