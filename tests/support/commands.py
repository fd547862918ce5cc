"""The command line as processes: what is typed, and what becomes of the workers it starts."""

from __future__ import annotations

import io
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Sequence
from contextlib import redirect_stderr, redirect_stdout, suppress
from pathlib import Path
from typing import Any
from unittest.mock import patch

import psutil

from tui_balancer.cli import app

COMMAND_SECONDS = 250.0
"""How long a command may take on a machine that is busy with other things too."""


def run_command(*inputs: Path, output: Path, workers: int = 1) -> list[str]:
    """Return a run of the smallest model on the CPU, as a person types it."""
    return [
        *(sys.executable, "-m", "tui_balancer", "run", *map(str, inputs), "-o", str(output)),
        *("--model", "untrained:esm2_t6_8M_UR50D"),
        *("--devices", "cpu", "--cpu-workers", str(workers), "--cpu-threads", "1"),
    ]


_PATIENT = """
from tui_balancer.__main__ import main
from tui_balancer.run.live import stopping

if __name__ == "__main__":
    stopping.STOP_GRACE_SECONDS = float("inf")
    main()
"""


def patient_run_command(folder: Path, *inputs: Path, output: Path) -> list[str]:
    """Return the same of a program that waits for ever for the batches in flight.

    Args:
        folder: Where the program is written.
    """
    script = folder / "patient.py"
    script.write_text(_PATIENT)
    command = run_command(*inputs, output=output)
    return [sys.executable, str(script), *command[command.index("run") :]]


def tui_balancer_here(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run the command line in this process, as if it were one of its own."""
    command = ["tui-balancer", *map(str, arguments)]
    out, err = io.StringIO(), io.StringIO()
    with patch.object(sys, "argv", command), redirect_stdout(out), redirect_stderr(err):
        try:
            app.main()
        except SystemExit as end:
            code = end.code
    assert isinstance(code, int)
    return subprocess.CompletedProcess(command, code, out.getvalue(), err.getvalue())


def complete(command: Sequence[str | Path], **options: Any) -> subprocess.CompletedProcess[str]:
    """Run a command without a terminal to its end.

    Args:
        command: Its words.
        options: Of `subprocess.run`.
    """
    usual: dict[str, Any] = {
        **{"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE},
        **{"text": True, "timeout": COMMAND_SECONDS},
    }
    return subprocess.run([*map(str, command)], check=False, **(usual | options))


def begin(command: Sequence[str | Path], words: str) -> subprocess.Popen[str]:
    """Start a command without a terminal, and return it once it has printed these words."""
    process = subprocess.Popen(
        [*map(str, command)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert any(words in line for line in process.stdout), f"{words!r} was never printed"
    # Nobody reads on, and a pipe that is full would hold the command.
    threading.Thread(target=process.stdout.read, daemon=True).start()
    return process


def attach_command(output: Path, *options: str) -> list[str]:
    """Return what a second person types."""
    return [sys.executable, "-m", "tui_balancer", "attach", str(output), *options]


def workers_of(pid: int) -> list[psutil.Process]:
    """Return the workers that an app has started, but for those that are ending."""
    workers = []
    for one in psutil.Process(pid).children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            if any("spawn_main" in word for word in one.cmdline()):
                workers.append(one)
    return workers


def all_end(processes: list[psutil.Process]) -> bool:
    """Wait until these processes have ended; False if one outlives the patience."""
    return not survivors(processes, COMMAND_SECONDS)


def survivors(processes: Iterable[psutil.Process], seconds: float) -> list[psutil.Process]:
    """Return the processes that live for so long; one that nobody takes in stays as a zombie."""
    deadline = time.monotonic() + seconds
    left = list(filter(_lives, processes))
    while left and time.monotonic() < deadline:
        psutil.wait_procs(left, timeout=0.1)
        left = list(filter(_lives, left))
    return left


def _lives(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
