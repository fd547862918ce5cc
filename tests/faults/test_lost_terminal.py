"""A terminal that goes away: the screen ends, the run goes on to its end without one."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.commands import run_command
from tests.support.terminal import LEAVE_SCREEN, OpenTerminal, Terminal

DEADLINE_SECONDS = 200.0
ROOT = Path(__file__).parents[2]

PROGRAM = """
import sys
from tests.support.screen import fake_run
from tui_balancer.ui.app import BalancerApp

app = BalancerApp(fake_run())
result = app.run()
print("left", result, app.return_code, flush=True)
"""


def hang_up(terminal: Terminal) -> None:
    terminal.process.send_signal(signal.SIGHUP)
    terminal.wait_for_text(LEAVE_SCREEN)
    # Shells send it twice.
    terminal.process.send_signal(signal.SIGHUP)


@pytest.mark.parametrize(
    ("lose", "controlling"),
    [
        pytest.param(hang_up, True, id="by SIGHUP"),
        pytest.param(Terminal.close, True, id="with its window"),
        pytest.param(Terminal.close, False, id="without a signal"),
    ],
)
def test_a_run_that_loses_its_terminal_goes_on_to_its_end(
    open_terminal: OpenTerminal,
    little: Path,
    tmp_path: Path,
    lose: Callable[[Terminal], None],
    controlling: bool,
) -> None:
    output = tmp_path / "out"
    terminal = open_terminal(run_command(little, output=output), controlling=controlling)
    terminal.wait_for("loading models", "0 / 3 files")
    lose(terminal)
    assert terminal.wait() == 0
    assert len(list(output.glob("*_ESM.pt"))) == 3
    log = (output / "logs" / "run.log").read_text()
    assert "3 of 3 files done: 12 sequences" in log
    assert log.endswith(f"outputs  {output}\n")
    assert "Traceback" not in (output / "logs" / "app.log").read_text()


def test_a_run_without_its_terminal_still_heeds_sigterm(
    open_terminal: OpenTerminal, endless: Path, tmp_path: Path
) -> None:
    terminal = open_terminal(run_command(endless, output=tmp_path / "out"))
    terminal.wait_for("● busy")
    terminal.close()
    terminal.process.send_signal(signal.SIGTERM)
    assert terminal.wait() == 130
    assert "3 files still waiting" in (tmp_path / "out" / "logs" / "run.log").read_text()


def read_until(terminal: int, text: bytes) -> None:
    """Read what is painted until the text is among it."""
    painted, deadline = b"", time.monotonic() + DEADLINE_SECONDS
    while text not in painted:
        ready, _, _ = select.select([terminal], [], [], max(0.0, deadline - time.monotonic()))
        assert ready, f"{text!r} was not painted, but {painted!r}"
        painted += os.read(terminal, 65536)


def test_a_terminal_that_hangs_up_silently_ends_the_screen_and_not_the_program() -> None:
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    # In a session of its own the program has no controlling terminal, hence gets no SIGHUP.
    program = subprocess.Popen(
        [sys.executable, "-c", PROGRAM],
        cwd=ROOT,
        stdin=slave,
        stderr=slave,
        stdout=subprocess.PIPE,
        start_new_session=True,
        env={**os.environ, "TERM": "xterm-256color"},
    )
    os.close(slave)
    try:
        read_until(master, b"Devices")
        os.close(master)
        out, _ = program.communicate(timeout=DEADLINE_SECONDS)
    finally:
        program.kill()
    assert out.splitlines()[-1] == b"left 129 129"
    assert program.returncode == 0
