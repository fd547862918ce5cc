"""A terminal that goes away without a SIGHUP: the screen ends, the program goes on."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path

DEADLINE_SECONDS = 30.0
ROOT = Path(__file__).parents[2]

PROGRAM = """
import sys
from tests.support.screen import fake_run
from tui_balancer.ui.app import BalancerApp

app = BalancerApp(fake_run())
result = app.run()
print("left", result, app.return_code, flush=True)
"""


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
