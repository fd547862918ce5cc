"""A run on the screen, from the shell's prompt and back to it."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.commands import all_end, patient_run_command, run_command, workers_of
from tests.support.terminal import LEAVE_SCREEN, OpenTerminal
from tui_balancer.ledger.lock import LOCK_NAME
from tui_balancer.run_folder.names import ATTACH_FILE

WORKING = "● busy"

OSC_52 = "\x1b]52;c;"
"""What brings text to the clipboard of the person's own machine, over ssh too."""


def test_a_stopped_run_gives_the_terminal_back_with_the_summary_on_it(
    open_terminal: OpenTerminal, endless: Path, tmp_path: Path
) -> None:
    terminal = open_terminal(run_command(endless, output=tmp_path / "out"))
    terminal.wait_for("esm2_t6_8M_UR50D", "cpu:0", "Queue", WORKING)
    terminal.press("2")
    terminal.wait_for("Files", "3 files", "waiting")
    terminal.press("y")
    terminal.wait_for_text(OSC_52)
    assert terminal.modes() != terminal.modes_before
    workers = workers_of(terminal.process.pid)
    terminal.press("q")
    terminal.wait_for("Finish running files", "Stop now", "Cancel")
    terminal.press("s")
    assert terminal.wait() == 130
    assert terminal.modes() == terminal.modes_before
    assert terminal.text.count(LEAVE_SCREEN) == 1
    lines = terminal.text_after_leaving().splitlines()
    assert "0 of 3 files done" in lines[0]
    assert lines[1].startswith("3 files still waiting")
    assert lines[-1] == f"outputs  {tmp_path / 'out'}"
    assert all_end(workers)
    assert not list((tmp_path / "out").rglob("*.tmp"))


def test_a_finished_run_keeps_its_summary_on_the_screen_until_it_is_left(
    open_terminal: OpenTerminal, little: Path, tmp_path: Path
) -> None:
    terminal = open_terminal(run_command(little, output=tmp_path / "out"))
    terminal.wait_for("finished", "the run has ended", "3 done")
    assert "\x1b]2;finished | tui-balancer\x07" in terminal.text
    # The desktop is told, and the bell rings.
    assert re.search(
        "\x1b]9;tui-balancer: 3 files done in ([0-9]+m )?[0-9]+s\x07\x07", terminal.text
    )
    terminal.press("q")
    assert terminal.wait() == 0
    kept, restored = terminal.text.index("\x1b[22;0t"), terminal.text.index("\x1b[23;0t")
    assert kept < restored
    assert "3 of 3 files done: 12 sequences" in terminal.text_after_leaving()
    assert len(list((tmp_path / "out").glob("*_ESM.pt"))) == 3


@pytest.mark.parametrize(
    ("kill", "number"),
    [
        pytest.param(os.kill, signal.SIGTERM, id="SIGTERM to the app"),
        pytest.param(os.killpg, signal.SIGUSR1, id="SIGUSR1 to its group"),
    ],
)
def test_a_signal_leaves_the_screen_and_stops_after_the_batch_in_flight(
    open_terminal: OpenTerminal,
    endless: Path,
    tmp_path: Path,
    kill: Callable[[int, signal.Signals], None],
    number: signal.Signals,
) -> None:
    terminal = open_terminal(run_command(endless, output=tmp_path / "out"))
    terminal.wait_for(WORKING)
    workers = workers_of(terminal.process.pid)
    kill(terminal.process.pid, number)
    assert terminal.wait() == 130
    assert terminal.modes() == terminal.modes_before
    assert "3 files still waiting" in terminal.text_after_leaving()
    assert not (tmp_path / "out" / LOCK_NAME).exists()
    assert not (tmp_path / "out" / ATTACH_FILE).exists()
    assert "killed" not in (tmp_path / "out" / "logs" / "run.log").read_text()
    assert all_end(workers)
    assert not list((tmp_path / "out").rglob("*.tmp"))


def test_a_second_sigterm_stops_at_once_although_the_first_came_on_the_screen(
    open_terminal: OpenTerminal, endless: Path, tmp_path: Path
) -> None:
    terminal = open_terminal(patient_run_command(tmp_path, endless, output=tmp_path / "out"))
    terminal.wait_for(WORKING)
    workers = workers_of(terminal.process.pid)
    for worker in workers:
        # It will not get to the end of its batch.
        worker.suspend()
    terminal.process.send_signal(signal.SIGTERM)
    terminal.wait_for_text("again stops at once")
    terminal.process.send_signal(signal.SIGTERM)
    assert terminal.wait() == 130
    assert all_end(workers)


def test_what_a_worker_prints_lies_in_its_log_and_not_on_the_screen(
    open_terminal: OpenTerminal, little: Path, tmp_path: Path
) -> None:
    # Makes the OpenMP runtime, C code that torch loads, print its settings to stderr.
    environment = {"OMP_DISPLAY_ENV": "TRUE"}
    terminal = open_terminal(run_command(little, output=tmp_path / "out"), environment=environment)
    terminal.wait_for("the run has ended")
    terminal.press("q")
    assert terminal.wait() == 0
    log = tmp_path / "out" / "logs" / "worker-cpu_0.log"
    assert "OMP_NUM_THREADS = '1'" in (text := log.read_text())
    assert "OMP_WAIT_POLICY = 'PASSIVE'" in text
    assert "OMP_NUM_THREADS" not in terminal.text


def test_a_terminal_without_utf8_gets_ascii(
    open_terminal: OpenTerminal, endless: Path, tmp_path: Path
) -> None:
    environment = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    terminal = open_terminal(run_command(endless, output=tmp_path / "out"), environment=environment)
    terminal.wait_for("cpu:0", "* busy")
    assert terminal.shown().isascii()
    terminal.press("q")
    terminal.wait_for("Stop now")
    terminal.press("s")
    assert terminal.wait() == 130


def test_what_keeps_a_run_from_beginning_is_one_line_after_the_screen(
    open_terminal: OpenTerminal, tmp_path: Path
) -> None:
    (tmp_path / "notes.txt").write_text("no FASTA in here")
    terminal = open_terminal(run_command(tmp_path, output=tmp_path / "out"))
    assert terminal.wait() == 2
    words = f"tui-balancer: no FASTA file in the folder {tmp_path}"
    assert terminal.text_after_leaving().count(words) == 1
    assert "Traceback" not in terminal.text
