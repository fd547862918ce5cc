"""Standard output that cannot hold every letter, or cannot be written at all."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.commands import complete, run_command
from tests.support.finished_run import finish_run

LATIN_1 = {"PYTHONIOENCODING": "latin-1"}
ASCII = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}

program = [sys.executable, "-m", "tui_balancer"]


def ran(command: list[str], environment: dict[str, str]) -> subprocess.CompletedProcess[bytes]:
    without = {name: value for name, value in os.environ.items() if name != "PYTHONIOENCODING"}
    return complete(command, env={**without, **environment}, text=False)  # type: ignore[return-value]


@pytest.mark.parametrize("environment", [LATIN_1, ASCII], ids=["latin-1", "ascii"])
def test_a_run_says_what_it_can_in_the_letters_that_there_are(
    environment: dict[str, str], little: Path, tmp_path: Path
) -> None:
    result = ran(run_command(little, output=tmp_path / "out"), environment)
    assert (result.returncode, result.stderr) == (0, b"")
    assert b"3 of 3 files done" in result.stdout


@pytest.mark.parametrize(
    "words",
    [
        ["--help"],
        ["run", "--help"],
        ["config", "--show"],
        ["manual", "screen-and-keys"],
        ["plan", "{folder}/蛋白", "--model", "untrained:esm2_t6_8M_UR50D", "--devices", "cpu"],
        ["report", "{folder}/out", "--json"],
        ["verify", "{folder}/out"],
        ["inspect", "{folder}/out/蛋白_ESM.pt"],
        ["explain", "{folder}/out"],
        ["export", "{folder}/out", "--format", "npz", "--to", "{folder}/数据"],
        ["attach", "{folder}/out", "--headless"],
        ["resume", "{folder}/out", "--headless"],
    ],
    ids=lambda words: words[0],
)
def test_every_letter_has_a_place_in_ascii(words: list[str], tmp_path: Path) -> None:
    inputs = tmp_path / "蛋白"
    inputs.mkdir()
    (inputs / "蛋白.faa").write_text(">é\nMKV\n", encoding="utf-8")
    finish_run(inputs, tmp_path / "out")
    result = ran([*program, *(word.format(folder=tmp_path) for word in words)], ASCII)
    assert (result.returncode, result.stderr) == (0, b"")
    assert result.stdout
    assert result.stdout.isascii()


def test_lines_that_are_lost_on_a_full_disk_are_told_by_the_exit_code(
    little: Path, tmp_path: Path
) -> None:
    with Path("/dev/full").open("w") as full:
        result = complete(run_command(little, output=tmp_path / "out"), stdout=full)
    assert result.returncode == 1
    assert result.stderr == (
        "tui-balancer: cannot write to standard output: No space left on device. Lines are lost; "
        "files that were written are complete.\n"
    )
    assert len(list((tmp_path / "out").glob("*_ESM.pt"))) == 3


@pytest.mark.parametrize("words", [["--version"], ["run", "--help"], ["config", "--show"]])
def test_no_answer_on_a_full_disk_is_no_success(words: list[str]) -> None:
    shell = ["sh", "-c", 'exec "$@" > /dev/full', "sh", *program, *words]
    result = complete(shell)
    assert result.returncode == 1
    assert result.stderr.startswith("tui-balancer: cannot write to standard output")
    assert result.stderr.count("\n") == 1


def test_a_reader_who_leaves_early_is_no_error(little: Path, tmp_path: Path) -> None:
    command = run_command(little, output=tmp_path / "out")
    shell = ["bash", "-c", 'set -o pipefail; "$@" | head -n 1', "bash", *command]
    result = complete(shell)
    assert (result.returncode, result.stderr) == (0, "")
    assert len(list((tmp_path / "out").glob("*_ESM.pt"))) == 3
