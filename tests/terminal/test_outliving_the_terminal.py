"""A run whose terminal goes away goes on without one, to its end."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.commands import run_command
from tests.support.terminal import LEAVE_SCREEN, Terminal
from tests.terminal.conftest import OpenTerminal


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
    assert "3 files left waiting" in (tmp_path / "out" / "logs" / "run.log").read_text()
