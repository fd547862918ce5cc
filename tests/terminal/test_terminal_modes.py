"""The terminal's modes and size: after a suspension, with strange keys, and without a screen."""

from __future__ import annotations

import shlex
import signal
import sys
from functools import partial
from pathlib import Path

import psutil
import pytest

from tests.support.commands import attach_command, run_command
from tests.support.terminal import LEAVE_SCREEN, OpenTerminal, Terminal

WORKING = "● busy"
ENTER_SCREEN = "\x1b[?1049h"
PASTE_ON, PASTE_OFF = "\x1b[?2004h", "\x1b[?2004l"
MOUSE_ON, MOUSE_OFF = "\x1b[?1003h", "\x1b[?1003l"
ENV_PROMPT = {"PS1": "prompt> ", "ENV": "/dev/null"}

FAKE = """
from tests.support.screen import fake_run
from tui_balancer.ui.app import BalancerApp
from tui_balancer.ui.showing import show

print("left", show(lambda: BalancerApp(fake_run())).name)
"""

RESIZED_WHILE_READ = """
import fcntl
import struct
import termios

from tui_balancer.ui import driver

read = driver.terminal_size


def read_before_the_next(fileno):
    size = read(fileno)
    if size == (100, 30):
        fcntl.ioctl(fileno, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    return size


driver.terminal_size = read_before_the_next
"""


def fake_screen(open_terminal: OpenTerminal, before: str = "", **options: object) -> Terminal:
    terminal = open_terminal([sys.executable, "-c", before + FAKE], **options)
    terminal.wait_for("Devices", "Help")
    return terminal


def leave(terminal: Terminal) -> None:
    terminal.process.send_signal(signal.SIGINT)
    assert terminal.wait() == 0
    assert terminal.modes() == terminal.modes_before
    assert terminal.text_after_leaving().endswith("left INTERRUPTED\r\n")
    for enter, end in ((PASTE_ON, PASTE_OFF), (MOUSE_ON, MOUSE_OFF), (ENTER_SCREEN, LEAVE_SCREEN)):
        assert terminal.text.rindex(enter) < terminal.text.rindex(end)


def pastes(terminal: Terminal, times: int) -> bool:
    """Whether the screen was entered so often."""
    return terminal.text.count(PASTE_ON) == times


@pytest.mark.parametrize("number", [signal.SIGCONT, signal.SIGTSTP])
def test_a_signal_of_job_control_without_a_shell_changes_nothing(
    open_terminal: OpenTerminal, number: signal.Signals
) -> None:
    terminal = fake_screen(open_terminal)
    for times in (2, 3):
        terminal.process.send_signal(number)
        # All is left, entered and painted again.
        terminal.wait_until(partial(pastes, terminal, times))
        terminal.wait_until(lambda: "Devices" in terminal.text.rpartition(PASTE_ON)[2])
    terminal.press("2")
    terminal.wait_for("Files", "waiting")
    leave(terminal)


@pytest.mark.parametrize("number", [signal.SIGTSTP, signal.SIGSTOP])
def test_a_suspended_screen_comes_back_whole_and_the_run_goes_on_in_the_background(
    open_terminal: OpenTerminal, endless: Path, tmp_path: Path, number: signal.Signals
) -> None:
    terminal = open_terminal(["sh", "-i"], environment=ENV_PROMPT)
    terminal.wait_for("prompt>")
    terminal.press(shlex.join(run_command(endless, output=tmp_path / "out")) + "\n")
    terminal.wait_for(WORKING)
    (app,) = psutil.Process(terminal.process.pid).children()
    app.send_signal(number)
    terminal.wait_for_text("Stopped")
    assert app.status() == psutil.STATUS_STOPPED
    if number is signal.SIGTSTP:
        assert LEAVE_SCREEN in terminal.text
    painted = len(terminal.text)
    terminal.press("bg\n")
    terminal.wait_until(lambda: app.status() != psutil.STATUS_STOPPED)
    log = tmp_path / "out" / "logs" / "run.log"
    told = log.stat().st_size
    # A new line of the log is the run at work; nothing of it is painted over the shell.
    attached = open_terminal(attach_command(tmp_path / "out"))
    attached.wait_for(WORKING)
    attached.press("P")
    attached.wait_for("PAUSED")
    assert log.stat().st_size >= told
    assert "PAUSED" not in terminal.text[painted:]
    terminal.press("echo still $((1 + 1)) here\n")
    terminal.wait_for_text("still 2 here")
    terminal.press("fg\n")
    terminal.wait_for("PAUSED", "Help")
    assert terminal.text.rindex(PASTE_ON) > painted
    assert terminal.text.rindex(MOUSE_ON) > painted
    terminal.press("q")
    terminal.wait_for("Stop now")
    terminal.press("s")
    terminal.wait_for_text("outputs  ")
    terminal.wait_until(lambda: terminal.text_after_leaving().endswith("prompt> "))
    assert not app.is_running()


def test_ctrl_z_suspends_an_attached_screen_and_says_why_it_leaves_the_own_one_alone(
    open_terminal: OpenTerminal, endless: Path, tmp_path: Path
) -> None:
    own = open_terminal(run_command(endless, output=tmp_path / "out"))
    own.wait_for(WORKING)
    own.press("\x1a")
    own.wait_for("ctrl+z is off", "It would stop the run")
    terminal = open_terminal(["sh", "-i"], environment=ENV_PROMPT)
    terminal.wait_for("prompt>")
    terminal.press(shlex.join(attach_command(tmp_path / "out")) + "\n")
    terminal.wait_for(WORKING)
    terminal.press("\x1a")
    terminal.wait_for("Stopped", "prompt>")
    terminal.press("fg\n")
    terminal.wait_for(WORKING)


def test_bytes_that_are_no_text_are_dropped(open_terminal: OpenTerminal) -> None:
    terminal = fake_screen(open_terminal)
    terminal.press("é".encode("latin-1") + b"\xff\xfe\xc3\x80\x802")
    terminal.wait_for("Files", "waiting")
    leave(terminal)


def test_keys_and_clicks_at_once_close_what_is_open_once(open_terminal: OpenTerminal) -> None:
    terminal = fake_screen(open_terminal)
    # The first Enter chooses and closes; the second finds the palette on its way out.
    terminal.press("\x10")
    terminal.wait_for("Search for commands")
    terminal.press("show queues")
    terminal.wait_for("Show queues")
    terminal.press("\r\r\r")
    terminal.wait_for("Files", "waiting")
    terminal.press("\x1b[A\x1b[Ayy")
    terminal.wait_for("Copied")
    row = next(
        number for number, line in enumerate(terminal.shown().splitlines(), 1) if "Copied" in line
    )
    for pause in (0.0, 0.01, 0.02, 0.03, 0.04):
        # The second click finds the toast removed, and what is under it not yet laid out again.
        terminal.press("y")
        terminal.wait_for("Copied")
        click = f"\x1b[<0;70;{row}M\x1b[<0;70;{row}m"
        terminal.press(click)
        terminal.read_for(pause)
        terminal.press(click)
        terminal.wait_until(lambda: "Copied" not in terminal.shown())
    terminal.press("\x10")
    terminal.wait_for("Search for commands")
    terminal.resize(1, 1)
    terminal.press("\x1b[5~\x1b[6~\x1b[5~")
    terminal.resize(80, 24)
    terminal.wait_for("Search for commands")
    terminal.press("\x1b[5~\x1b[27u")
    terminal.wait_until(lambda: "Search for commands" not in terminal.shown())
    leave(terminal)
    assert "The screen failed" not in terminal.text


def test_the_terminals_own_size_counts_not_what_a_shell_has_exported(
    open_terminal: OpenTerminal,
) -> None:
    terminal = fake_screen(open_terminal, environment={"COLUMNS": "200", "LINES": "60"})
    assert "Help" in terminal.shown().splitlines()[-1]
    terminal.resize(120, 40)
    terminal.wait_until(lambda: "Help" in terminal.shown().splitlines()[39])
    leave(terminal)


def test_the_last_of_two_sizes_is_painted_even_if_it_comes_while_the_first_is_read(
    open_terminal: OpenTerminal,
) -> None:
    terminal = fake_screen(open_terminal, RESIZED_WHILE_READ)
    terminal.resize(100, 30)
    terminal.wait_until(lambda: "Help" in terminal.shown().splitlines()[23])
    terminal.press("2")
    terminal.wait_for("Files", "waiting")
    assert "Help" in terminal.shown().splitlines()[23]
    assert "Help" not in terminal.shown().splitlines()[29]
    leave(terminal)


def test_a_dumb_terminal_gets_plain_lines_and_is_told_why(
    open_terminal: OpenTerminal, little: Path, tmp_path: Path
) -> None:
    command = run_command(little, output=tmp_path / "out")
    terminal = open_terminal(command, environment={"TERM": "dumb"})
    assert terminal.wait() == 0
    assert terminal.text.startswith("tui-balancer: no screen, plain lines only: TERM is dumb.")
    assert "3 of 3 files done" in terminal.text
    assert "\x1b" not in terminal.text


def test_a_background_job_gets_plain_lines_instead_of_being_stopped(
    open_terminal: OpenTerminal, little: Path, tmp_path: Path
) -> None:
    terminal = open_terminal(["sh", "-i"], environment=ENV_PROMPT)
    terminal.wait_for("prompt>")
    terminal.press(shlex.join(run_command(little, output=tmp_path / "out")) + " &\n")
    terminal.wait_for_text("plain lines only: this is a background job.")
    terminal.wait_for_text("3 of 3 files done")
    assert ENTER_SCREEN not in terminal.text
