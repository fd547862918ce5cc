"""Machines that lack what programs take for granted: a home, a folder for temporary files."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.commands import complete, run_command
from tui_balancer.cache import CACHE_VARIABLE

STRANGER = """
import pwd

from tui_balancer.__main__ import main


def nobody_knows(_user):
    raise KeyError("getpwuid(): uid not found")


if __name__ == "__main__":
    pwd.getpwuid = nobody_knows
    main()
"""
"""The command of a user who is not in the passwd file."""

HOMES = ("HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "TUI_BALANCER_CONFIG", CACHE_VARIABLE)

NO_TEMPORARY = """
import tempfile

from tui_balancer.__main__ import main

if __name__ == "__main__":
    tempfile._candidate_tempdir_list = lambda: ["/dev/null"]
    main()
"""


def ran(
    script: Path, text: str, *words: str, without: tuple[str, ...] = ()
) -> subprocess.CompletedProcess[str]:
    script.write_text(text)
    environment = {name: value for name, value in os.environ.items() if name not in without}
    return complete([sys.executable, script, *words], env=environment)


def test_a_user_without_a_home_works_without_preferences_and_cache(
    little: Path, tmp_path: Path
) -> None:
    command = run_command(little, output=tmp_path / "out")
    words = command[command.index("run") :]
    run = ran(tmp_path / "it.py", STRANGER, *words, without=HOMES)
    assert (run.returncode, run.stderr) == (0, "")
    assert "3 of 3 files done" in run.stdout


def test_a_job_of_cron_has_little_more_than_a_path(little: Path, tmp_path: Path) -> None:
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "SHELL": "/bin/sh"}
    run = complete(run_command(little, output=tmp_path / "out"), env=environment)
    assert (run.returncode, run.stderr) == (0, "")
    assert "3 of 3 files done" in run.stdout


@pytest.mark.parametrize("words", [["config", "--show"], ["devices"]])
def test_commands_need_no_home(tmp_path: Path, words: list[str]) -> None:
    run = ran(tmp_path / "it.py", STRANGER, *words, without=HOMES)
    assert (run.returncode, run.stderr) == (0, "")


def test_preferences_without_a_home_are_refused_in_one_line(tmp_path: Path) -> None:
    run = ran(tmp_path / "it.py", STRANGER, "config", without=HOMES)
    assert (run.returncode, run.stdout) == (2, "")
    assert run.stderr.startswith("tui-balancer: cannot write ")
    assert "TUI_BALANCER_CONFIG" in run.stderr
    assert run.stderr.count("\n") == 1


def test_no_folder_for_temporary_files_is_one_line(little: Path, tmp_path: Path) -> None:
    command = run_command(little, output=tmp_path / "out")
    run = ran(tmp_path / "it.py", NO_TEMPORARY, *command[command.index("run") :])
    assert (run.returncode, run.stdout) == (2, "")
    assert run.stderr == (
        "tui-balancer: no folder for temporary files is writable: set TMPDIR to one\n"
    )
    assert not (tmp_path / "out").exists()
