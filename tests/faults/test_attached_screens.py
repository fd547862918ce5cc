"""Second and third terminals at a run."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.support.commands import attach_command, run_command
from tests.support.terminal import OpenTerminal
from tui_balancer.attach.client import attach

BUSY = "● busy"


def test_two_attached_screens_show_one_run_and_steer_it_and_leaving_leaves_it_alone(
    open_terminal: OpenTerminal, endless: Path, tmp_path: Path
) -> None:
    own = open_terminal(run_command(endless, output=tmp_path / "out"))
    own.wait_for(BUSY)
    first, second = (open_terminal(attach_command(tmp_path / "out")) for _ in range(2))
    for screen in (first, second):
        screen.wait_for(BUSY, "0 / 3 files")
    second.press("P")
    for screen in (own, first, second):
        screen.wait_for("PAUSED")
    second.press("q")
    second.wait_for("Leave: close this screen; the run continues.")
    second.press("l")
    assert second.wait() == 0
    assert second.modes() == second.modes_before
    assert second.text_after_leaving().endswith(
        f"left; the run in {tmp_path / 'out'} continues\r\n"
    )
    first.press("P")
    for screen in (own, first):
        screen.wait_for(BUSY)


def test_a_screen_without_its_run_shows_what_the_ledger_knows(
    open_terminal: OpenTerminal, endless: Path, tmp_path: Path
) -> None:
    app = subprocess.Popen(
        run_command(endless, output=tmp_path / "out"),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert app.stdout is not None
    with app.stdout as lines:
        assert any("cpu:0  idle" in line for line in lines)
    terminal = open_terminal(attach_command(tmp_path / "out", "--read-only"))
    terminal.wait_for(BUSY, "READ-ONLY")
    assert "Pause" not in terminal.shown()
    terminal.press("p?")
    terminal.wait_for("Help")
    assert not attach(tmp_path / "out").snapshot().paused
    terminal.press("\x1b")
    app.kill()
    terminal.wait_for("ended early", "the run's process has died")
    app.wait()
    terminal.press("q")
    assert terminal.wait() == 1
    assert "3 files still waiting" in terminal.text_after_leaving()
    assert "Traceback" not in terminal.text
