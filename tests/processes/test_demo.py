"""The demo as its user starts it: measured, told beforehand, and resumed with its own files."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from tests.support.commands import complete, tui_balancer_here


def demo(output: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tui_balancer", "demo", "--headless", "-o", str(output)]
    return complete([*command, "--devices", "cpu", *options])


def written(folder: Path) -> dict[str, tuple[bytes, int]]:
    return {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in folder.iterdir()}


def test_it_says_how_long_it_takes_and_is_resumed_with_the_same_files(tmp_path: Path) -> None:
    first = demo(tmp_path / "demo", "--size", "0.001")
    assert first.returncode == 0, first.stdout + first.stderr
    told, *lines = first.stdout.splitlines()
    assert re.fullmatch(r"100 made-up proteins in 40 files: ~\d+\S*.* on these devices", told)
    assert any(line.startswith("40 of 40 files done: 100 sequences") for line in lines)
    proteins = written(tmp_path / "demo" / "proteins")
    again = demo(tmp_path / "demo", "--size", "40")
    assert again.returncode == 0, again.stdout + again.stderr
    assert again.stdout.startswith(f"The files in {tmp_path}/demo/proteins are used again. ")
    assert written(tmp_path / "demo" / "proteins") == proteins


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    refused = tui_balancer_here("demo", "--headless", "--devices", "cpu", "-o", tmp_path / "file")
    assert refused.returncode == 2
    assert re.fullmatch(
        r"tui-balancer: cannot write \S+/file/proteins: .+; .*--output\n", refused.stderr
    )
