"""A program that was started without standard input, output or error."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.commands import complete, run_command
from tui_balancer import __version__

EACH = ("<&-", ">&-", "2>&-", "<&- >&- 2>&-")


def started_with(closed: str, command: list[str]) -> subprocess.CompletedProcess[str]:
    """Run a command as a shell does that closes some of its streams."""
    shell = ["sh", "-c", f'exec "$@" {closed}', "sh", *command]
    return complete(shell)


@pytest.mark.parametrize("closed", EACH)
def test_the_program_answers_on_the_streams_that_are_open(closed: str) -> None:
    asked = started_with(closed, [sys.executable, "-m", "tui_balancer", "--version"])
    answer = "" if ">&-" in closed.split() else f"{__version__}\n"
    assert (asked.returncode, asked.stdout, asked.stderr) == (0, answer, "")


@pytest.mark.parametrize("closed", EACH)
def test_a_mistake_is_told_by_the_exit_code_at_least(closed: str, tmp_path: Path) -> None:
    nothing = run_command(tmp_path / "none.fa", output=tmp_path / "out")
    asked = started_with(closed, nothing)
    assert asked.returncode == 2
    assert asked.stdout == ""
    assert "none.fa" in asked.stderr or "2>&-" in closed.split()


@pytest.mark.parametrize("closed", ["<&-", "<&- >&- 2>&-"])
def test_a_run_without_them_has_living_workers_and_every_output(
    closed: str, little: Path, tmp_path: Path
) -> None:
    ran = started_with(closed, run_command(little, output=tmp_path / "out", workers=2))
    assert (ran.returncode, ran.stderr) == (0, "")
    assert len(list((tmp_path / "out").glob("*_ESM.pt"))) == 3
    log = (tmp_path / "out" / "logs" / "run.log").read_text()
    assert "3 of 3 files done" in log
    assert "worker died" not in log
