"""Runs that get little of the machine: open files, shared memory, a folder that ten want."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.commands import COMMAND_SECONDS, complete, run_command


def test_a_run_of_many_workers_is_done_with_64_open_files(little: Path, tmp_path: Path) -> None:
    command = run_command(little, output=tmp_path / "out", workers=2)
    ran = complete(["sh", "-c", 'ulimit -n 64; exec "$@"', "sh", *command])
    assert (ran.returncode, ran.stderr) == (0, "")
    assert "3 of 3 files done" in ran.stdout


def test_a_run_is_done_with_a_megabyte_of_shared_memory(little: Path, tmp_path: Path) -> None:
    mount = 'mount -t tmpfs -o size=1m tmpfs /dev/shm && exec "$@"'
    small = (*("unshare", "--mount"), *(() if os.geteuid() == 0 else ("--map-root-user",)))
    small = (*small, "sh", "-c", mount, "sh")
    if not shutil.which("unshare") or subprocess.run([*small, "true"], check=False).returncode:
        pytest.skip("this user can mount nothing here")
    ran = complete([*small, *run_command(little, output=tmp_path / "out", workers=2)])
    assert (ran.returncode, ran.stderr) == (0, "")
    assert "3 of 3 files done" in ran.stdout


def test_of_ten_runs_started_at_once_on_a_folder_one_wins(little: Path, tmp_path: Path) -> None:
    command = run_command(little, output=tmp_path / "out")
    runs = [
        subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(10)
    ]
    ends = [(run.communicate(timeout=2 * COMMAND_SECONDS), run.returncode) for run in runs]
    (winner,) = (said for (said, _), code in ends if code == 0)
    assert "3 of 3 files done" in winner
    refusals = [problem for (_, problem), code in ends if code != 0]
    assert [code for _, code in ends].count(2) == 9
    for refusal in refusals:
        assert len(refusal.splitlines()) == 1
        assert str(tmp_path / "out") in refusal
