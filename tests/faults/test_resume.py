"""A run that is taken up again: killed, finished, changed under it, or still alive."""

from __future__ import annotations

import os
import shutil
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.checkpoints import make_checkpoint
from tests.support.commands import tui_balancer_here as tui_balancer
from tests.support.leases import leases_of
from tests.support.sessions import leftovers, outputs
from tui_balancer.inputs.synthetic import write_synthetic
from tui_balancer.ledger.lock import LOCK_NAME
from tui_balancer.ledger.reading import is_blank, read_ledger
from tui_balancer.ledger.records import FileRow, FileState, LeaseEnd, SessionEnd
from tui_balancer.ledger.schema import LEDGER_NAME

CPU = ("--devices", "cpu", "--cpu-workers", "1", "--cpu-threads", "1", "--headless")


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    make_checkpoint(folder / "esm2_tiny.pt")
    make_checkpoint(folder / "other" / "esm2_tiny.pt", seed=1)
    return folder


@pytest.fixture(scope="module")
def finished(models: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with four inputs, `proteins`, and the finished run over them, `out`."""
    folder = tmp_path_factory.mktemp("finished")
    write_synthetic(folder / "proteins", files=3, sequences=9, seed=1)
    (folder / "proteins" / "notes.fasta").write_text("these are my notes\n")
    result = run(folder, models)
    assert result.returncode == 1, result.stdout + result.stderr
    return folder


@pytest.fixture
def begun(finished: Path, tmp_path: Path) -> Path:
    """The same in a folder of the test's own, as if it had been made there."""
    folder = tmp_path / "begun"
    shutil.copytree(finished, folder)
    with closing(sqlite3.connect(folder / "out" / LEDGER_NAME)) as ledger, ledger:
        places = (str(finished), str(folder))
        ledger.execute("UPDATE files SET source = replace(source, ?, ?)", places)
        ledger.execute("UPDATE run SET settings = replace(settings, ?, ?)", places)
    return folder


def run(folder: Path, models: Path, *options: str | Path) -> subprocess.CompletedProcess[str]:
    return tui_balancer(
        "run", folder / "proteins", "-o", folder / "out", "--model", models / "esm2_tiny.pt",
        *CPU, *options,
    )  # fmt: skip


def rows(folder: Path) -> dict[str, FileRow]:
    with closing(read_ledger(folder / LEDGER_NAME)) as ledger:
        return {row.file.name: row for row in ledger.files()}


def wait_for_ledger(
    app: subprocess.Popen[bytes] | subprocess.Popen[str],
    folder: Path,
    holds: Callable[[dict[str, FileRow]], bool],
) -> dict[str, FileRow]:
    """Wait until the ledger of a live run looks like that; the suite's limit is the deadline."""
    while True:
        found = {} if is_blank(folder / LEDGER_NAME) else rows(folder)
        if holds(found):
            return found
        with pytest.raises(subprocess.TimeoutExpired):
            app.wait(timeout=0.02)


def some_done_and_one_running(found: dict[str, FileRow]) -> bool:
    states = [row.state for row in found.values()]
    return FileState.DONE in states and FileState.LEASED in states


def test_a_killed_app_is_resumed_to_the_bytes_of_a_quiet_run_and_nothing_is_done_twice(
    proteins: Path, checkpoint: Path, quiet: dict[str, bytes], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    app = subprocess.Popen(
        [
            *(sys.executable, "-m", "tests.faults.storm_app", "run", proteins, "-o", out),
            *("--model", checkpoint, "--batch-tokens", "256", *CPU),
        ],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    before = wait_for_ledger(app, out, some_done_and_one_running)
    refused = tui_balancer("resume", out, "--headless")
    app.kill()
    app.wait()
    assert refused.returncode == 2
    assert f"in use by process {app.pid} on {socket.gethostname()} " in refused.stderr
    assert (out / LOCK_NAME).exists()

    resumed = tui_balancer("resume", out, "--headless")
    assert resumed.returncode == 0, resumed.stdout + resumed.stderr
    assert outputs(out) == quiet
    after = rows(out)
    finished = {name: row for name, row in before.items() if row.state is FileState.DONE}
    assert {name: after[name] for name in finished} == finished
    with closing(read_ledger(out / LEDGER_NAME)) as ledger:
        first, second = ledger.sessions()
        leases = leases_of(ledger)
    assert (first.ended_at, second.end) == (None, SessionEnd.FINISHED)
    done = [lease.unit for lease in leases if lease.how is LeaseEnd.DONE]
    assert sorted(done) == sorted({row.file.unit for row in after.values()})
    assert [lease.how for lease in leases if lease.session == 2] == [LeaseEnd.DONE] * sum(
        row.state is not FileState.DONE for row in before.values()
    )
    assert [lease.how for lease in leases].count(LeaseEnd.LOST) == 1
    assert leftovers(out) == []
    assert not (out / LOCK_NAME).exists()


def test_a_finished_run_says_so_and_what_failed_or_is_new_is_left_alone(
    begun: Path, models: Path
) -> None:
    before = rows(begun / "out")
    os.utime(begun / "proteins" / "sample_1.fasta")
    shutil.copy(begun / "proteins" / "sample_1.fasta", begun / "proteins" / "added.fasta")
    again = run(begun, models)
    assert again.returncode == 1, again.stderr
    assert "nothing new: 3 files done before" in again.stdout
    assert "notes.fasta: " in again.stdout
    assert "1 input appeared since the scan and stays out: added.fasta" in again.stdout
    assert rows(begun / "out") == before
    with closing(read_ledger(begun / "out" / LEDGER_NAME)) as ledger:
        assert {lease.session for lease in leases_of(ledger)} == {1}


def test_outputs_that_are_not_as_they_were_written_are_made_anew_on_any_devices(
    begun: Path,
) -> None:
    before = outputs(begun / "out")
    gone, truncated, changed = (begun / "out" / f"sample_{n}_ESM.pt" for n in (1, 2, 3))
    gone.unlink()
    os.truncate(truncated, truncated.stat().st_size - 1)
    content = bytearray(changed.read_bytes())
    content[len(content) // 2] ^= 1
    changed.write_bytes(content)
    again = tui_balancer(
        "resume", begun / "out", "--cpu-workers", "2", "--policy", "count", "--headless"
    )
    assert "3 outputs will be made again (sample_1.fasta: its output is gone)" in again.stdout
    assert "cpu:1" in again.stdout
    assert outputs(begun / "out") == before
    assert {name: row.attempts for name, row in rows(begun / "out").items()} == {
        "notes.fasta": 0, "sample_1.fasta": 2, "sample_2.fasta": 2, "sample_3.fasta": 2,
    }  # fmt: skip


def test_a_full_check_finds_other_bytes_at_the_same_size_and_time(begun: Path) -> None:
    before = outputs(begun / "out")
    output = begun / "out" / "sample_2_ESM.pt"
    status = output.stat()
    content = bytearray(output.read_bytes())
    content[len(content) // 2] ^= 1
    output.write_bytes(content)
    os.utime(output, ns=(status.st_atime_ns, status.st_mtime_ns))
    trusted = tui_balancer("resume", begun / "out", "--headless")
    assert "nothing new: 3 files done before" in trusted.stdout
    checked = tui_balancer("resume", begun / "out", "--headless", "--check", "full")
    assert "1 output will be made again (sample_2.fasta: its output has other bytes" in (
        checked.stdout
    )
    assert outputs(begun / "out") == before


def test_a_changed_input_is_refused_by_name_and_accepted_on_demand(
    begun: Path, models: Path
) -> None:
    before = outputs(begun / "out")
    changed = begun / "proteins" / "sample_2.fasta"
    changed.write_text(">new\nMKVLAAGIT\n")
    shutil.copy(changed, begun / "proteins" / "added.fasta")
    refused = run(begun, models)
    assert refused.returncode == 2
    assert "1 input changed since the scan: sample_2.fasta (changed)" in refused.stderr
    assert "--rescan" in refused.stderr
    assert outputs(begun / "out") == before

    accepted = run(begun, models, "--rescan")
    assert accepted.returncode == 1, accepted.stderr
    assert "4 of 5 files done" in accepted.stdout
    after = outputs(begun / "out")
    assert [name for name in before if after[name] != before[name]] == ["sample_2_ESM.pt"]
    assert after.keys() - before.keys() == {"added_ESM.pt"}
    assert rows(begun / "out")["sample_1.fasta"].attempts == 1


def test_a_failed_file_that_was_mended_and_one_that_lacks_sequences_are_done_when_retried(
    begun: Path, models: Path
) -> None:
    (begun / "proteins" / "notes.fasta").write_text(">mended\nMKVLAAGIT\n")
    before = outputs(begun / "out")
    with closing(sqlite3.connect(begun / "out" / LEDGER_NAME)) as ledger, ledger:
        # As if one of its sequences had not fitted into memory.
        ledger.execute("UPDATE files SET vectors = vectors - 1 WHERE name = 'sample_2.fasta'")
    again = run(begun, models)
    assert again.returncode == 1
    assert "1 sequence did not fit into memory" in again.stdout
    assert rows(begun / "out")["sample_2.fasta"].attempts == 1

    retried = run(begun, models, "--retry-failed")
    assert retried.returncode == 0, retried.stdout + retried.stderr
    assert "this session 2 files" in retried.stdout
    after = rows(begun / "out")
    assert {name: row.attempts for name, row in after.items()} == {
        "notes.fasta": 1, "sample_1.fasta": 1, "sample_2.fasta": 2, "sample_3.fasta": 1,
    }  # fmt: skip
    assert after["sample_2.fasta"].missing == 0
    made = outputs(begun / "out")
    assert made.pop("notes_ESM.pt")
    assert made == before


def test_another_model_of_the_same_name_and_other_settings_are_refused_in_one_line(
    begun: Path, models: Path
) -> None:
    before = (begun / "out" / LEDGER_NAME).read_bytes()
    refused = tui_balancer(
        "run", begun / "proteins", "-o", begun / "out", *CPU, "--repr-layer", "1",
        "--model", models / "other" / "esm2_tiny.pt",
    )  # fmt: skip
    assert refused.returncode == 2
    assert "the model's sha256 is " in refused.stderr
    assert "--repr-layers is 2 there, 1 was asked" in refused.stderr
    assert refused.stderr.count("\n") == 1
    assert (begun / "out" / LEDGER_NAME).read_bytes() == before


def test_a_folder_without_a_run_cannot_be_resumed(tmp_path: Path) -> None:
    refused = tui_balancer("resume", tmp_path)
    assert refused.returncode == 2
    assert "contains no run" in refused.stderr
    assert not list(tmp_path.iterdir())
