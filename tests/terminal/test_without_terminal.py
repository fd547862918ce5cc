"""A run without a terminal: in a pipe, under cron, in a batch system."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.commands import (
    COMMAND_SECONDS,
    all_end,
    complete,
    patient_run_command,
    run_command,
    workers_of,
)

ESCAPE = "\x1b"


def piped(command: list[str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_for_line(process: subprocess.Popen[str], words: str) -> None:
    assert process.stdout is not None
    assert any(words in line for line in process.stdout), f"{words!r} was never printed"


HUNG_UP_EARLY = """
import signal

from tui_balancer.__main__ import main
from tui_balancer.run.prepare import prepare as preparation

prepare = preparation.prepare


def lose_the_terminal_and_prepare(*positional, **named):
    signal.raise_signal(signal.SIGHUP)
    return prepare(*positional, **named)


if __name__ == "__main__":
    preparation.prepare = lose_the_terminal_and_prepare
    main()
"""


def test_a_terminal_that_is_lost_during_the_preparation_ends_no_run(
    little: Path, tmp_path: Path
) -> None:
    (tmp_path / "early.py").write_text(HUNG_UP_EARLY)
    words = run_command(little, output=tmp_path / "out")
    command = [sys.executable, str(tmp_path / "early.py"), *words[words.index("run") :]]
    printed = complete(command)
    assert (printed.returncode, printed.stderr) == (0, "")
    assert "3 of 3 files done" in printed.stdout


@pytest.mark.parametrize(("bad_file", "exit_code"), [(False, 0), (True, 1)])
def test_plain_lines_without_a_single_escape_sequence_and_the_exit_code_tell_all(
    little: Path, tmp_path: Path, bad_file: bool, exit_code: int
) -> None:
    inputs = [little]
    if bad_file:
        inputs.append(tmp_path / "notes.fasta")
        inputs[-1].write_text("these are my notes\n")
    process = piped(run_command(*inputs, output=tmp_path / "out"))
    out, err = process.communicate(timeout=COMMAND_SECONDS)
    assert process.returncode == exit_code
    assert ESCAPE not in out + err
    assert re.search(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d  device +cpu:0 +idle", out, re.MULTILINE)
    assert f"3 of {3 + bad_file} files done" in out
    assert err == ""


def test_the_first_interrupt_waits_for_the_batch_in_flight_and_the_second_does_not(
    endless: Path, tmp_path: Path
) -> None:
    process = piped(patient_run_command(tmp_path, endless, output=tmp_path / "out"))
    wait_for_line(process, "cpu:0 busy")
    workers = workers_of(process.pid)
    for worker in workers:
        # Its batch in flight has no end now.
        worker.suspend()
    process.send_signal(signal.SIGINT)
    wait_for_line(process, "Ctrl+C again stops at once")
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=COMMAND_SECONDS)
    assert process.returncode == 130
    assert "3 files still waiting" in out
    assert err == ""
    assert all_end(workers)


def test_a_run_folder_that_is_removed_under_the_run_ends_it_with_an_exit_code_and_a_line(
    endless: Path, tmp_path: Path
) -> None:
    process = piped(run_command(endless, output=tmp_path / "out"))
    wait_for_line(process, "cpu:0 busy")
    workers = workers_of(process.pid)
    (tmp_path / "out").rename(tmp_path / "gone")
    out, err = process.communicate(timeout=COMMAND_SECONDS)
    assert process.returncode == 1
    assert f"The run folder was removed or replaced during the run: {tmp_path / 'out'}." in out
    assert err == ""
    assert all_end(workers)


def test_no_worker_survives_the_sudden_death_of_its_app(endless: Path, tmp_path: Path) -> None:
    process = piped(run_command(endless, output=tmp_path / "out", workers=2))
    wait_for_line(process, "cpu:1 busy")
    workers = workers_of(process.pid)
    assert len(workers) == 2
    process.kill()
    process.communicate(timeout=COMMAND_SECONDS)
    assert all_end(workers)
