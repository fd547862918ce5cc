"""A screen that breaks: the run never ends with it, and it stands up once more."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.support.terminal import LEAVE_SCREEN, OpenTerminal

FAKE = """
import sys
from pathlib import Path
from tests.support.screen import fake_run
from tui_balancer.ui.app import BalancerApp
from tui_balancer.ui import showing
from tui_balancer.ui.screens.run_screen import RunScreen
from tui_balancer.ui.showing import show

showing.STEADY_SECONDS = 1e6

def broken(screen, event):
    if event.key == "x":
        raise RuntimeError("a fault of the screen")

def broken_end(app):
    raise RuntimeError("a fault on the way out")

run = fake_run()
run.logs = Path(sys.argv[1])
RunScreen.on_key = broken
print("left", show(lambda: BalancerApp(run)).name)
"""

REAL = """
import sys
from tui_balancer.cli import app
from tui_balancer.ui import showing
from tui_balancer.ui.screens.run_screen import RunScreen

showing.STEADY_SECONDS = 1e6

def broken(screen, event):
    if event.key == "x":
        raise RuntimeError("a fault of the screen")

RunScreen.on_key = broken
app.main()
"""


def test_a_screen_that_fails_is_opened_again_once_on_the_same_tab(
    open_terminal: OpenTerminal, tmp_path: Path
) -> None:
    terminal = open_terminal([sys.executable, "-c", FAKE, str(tmp_path)])
    terminal.wait_for("Devices", "Help")
    terminal.press("2")
    terminal.wait_for("Files", "waiting")
    terminal.press("x")
    terminal.wait_for("The screen failed", "The screen was reopened", "waiting")
    told = f"The screen failed. It is opened again. Details: {tmp_path / 'app.log'}"
    assert told in terminal.text
    terminal.press("x")
    assert terminal.wait() == 0
    assert terminal.modes() == terminal.modes_before
    assert terminal.text.count(LEAVE_SCREEN) == 2
    last, left = terminal.text_after_leaving().splitlines()
    assert last.endswith(told.replace("It is opened", "It is not opened"))
    assert left == "left CRASHED"
    assert "Traceback" not in terminal.text
    assert (tmp_path / "app.log").read_text().count("RuntimeError: a fault of the screen") == 2


def test_a_screen_that_breaks_on_the_way_out_has_been_left_all_the_same(
    open_terminal: OpenTerminal, tmp_path: Path
) -> None:
    program = FAKE.replace("RunScreen.on_key = broken", "BalancerApp.on_unmount = broken_end")
    terminal = open_terminal([sys.executable, "-c", program, str(tmp_path)])
    terminal.wait_for("Devices", "Help")
    terminal.press("\x03")
    assert terminal.wait() == 0
    assert terminal.modes() == terminal.modes_before
    assert terminal.text_after_leaving().endswith("left INTERRUPTED\r\n")


def test_a_run_whose_screen_fails_twice_is_told_in_lines_to_its_end(
    open_terminal: OpenTerminal, little: Path, tmp_path: Path
) -> None:
    output = tmp_path / "out"
    command = [sys.executable, "-c", REAL, "run", str(little), "-o", str(output)]
    command += ["--model", "untrained:esm2_t6_8M_UR50D", "--devices", "cpu", "--cpu-workers", "1"]
    terminal = open_terminal(command)
    terminal.wait_for("0 / 3 files")
    terminal.press("x")
    terminal.wait_for("The screen failed", "The screen was reopened")
    terminal.press("x")
    assert terminal.wait() == 0
    after = terminal.text_after_leaving()
    assert "It is not opened again" in after
    assert "3 of 3 files done: 12 sequences" in after
    assert terminal.modes() == terminal.modes_before
    log = (output / "logs" / "app.log").read_text()
    assert log.count("RuntimeError: a fault of the screen") == 2
    assert len(list(output.glob("*_ESM.pt"))) == 3
