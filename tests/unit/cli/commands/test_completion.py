"""Shells complete commands, options, values and files by the scripts that the program prints."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.support.commands import tui_balancer_here
from tui_balancer.cli.app import app

COMPLETE = """
source "$1"
shift
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
registered=$(complete -p tui-balancer)
function=${registered##* -F }
${function%% *}
printf '%s\\n' "${COMPREPLY[@]}"
"""
"""What bash does when the tab key is pressed behind the last of these words."""


def script(shell: str) -> str:
    printed = tui_balancer_here("completion", shell)
    assert (printed.returncode, printed.stderr) == (0, "")
    return printed.stdout


@pytest.fixture(scope="module")
def bash_script(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("completion") / "tui-balancer"
    path.write_text(script("bash"))
    return path


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (["re"], {"resume", "replay", "report"}),
        (["run", "proteins", "--precision", "b"], {"bf16"}),
        (["run", "--retry"], {"--retry-failed"}),
        (["plan", "--retry"], set()),
        (["run", "--help"], {"--help", "--help-all"}),
        (["attach", "--read"], {"--read-only"}),
        (["run", "pro"], {"proteins", "prose.faa"}),
        (["run", "--output", "prot"], {"proteins"}),
        (["plan", "prose"], {"prose.faa"}),
        (["completion", "f"], {"fish"}),
    ],
)
def test_bash_offers(
    bash_script: Path, tmp_path: Path, words: list[str], offered: set[str]
) -> None:
    (tmp_path / "proteins").mkdir()
    (tmp_path / "prose.faa").touch()
    done = subprocess.run(
        ["bash", "--norc", "-c", COMPLETE, "bash", bash_script, "tui-balancer", *words],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=True,
    )
    assert done.stderr == ""
    assert set(done.stdout.split()) == offered


def test_bash_puts_a_slash_behind_a_folder(bash_script: Path) -> None:
    told = subprocess.run(
        ["bash", "--norc", "-c", 'source "$1"; complete -p tui-balancer', "bash", bash_script],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "-o filenames" in told.stdout


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_other_shells_hear_of_every_command(shell: str) -> None:
    text = script(shell)
    commands = [name for name in app if not name.startswith("-")]
    assert len(commands) > 10
    assert [name for name in commands if name not in text] == []
    assert "retry-failed" in text


def test_another_shell_is_a_mistake_of_one_line() -> None:
    refused = tui_balancer_here("completion", "tcsh")
    assert refused.returncode == 2
    assert refused.stderr.count("\n") == 1
    assert "bash" in refused.stderr
