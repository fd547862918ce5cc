"""Files in the current folder that are named like modules of Python's."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.commands import complete

NAMES = ("signal", "socket", "types", "queue", "tempfile", "selectors", "subprocess")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of scripts that have the names of modules."""
    folder = tmp_path / "scripts"
    folder.mkdir()
    for name in NAMES:
        (folder / f"{name}.py").write_text(f"raise SystemExit('{name}.py was imported')\n")
    return folder


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """The command as pip writes it."""
    script = tmp_path / "bin" / "tui-balancer"
    script.parent.mkdir()
    script.write_text(
        "from tui_balancer.__main__ import main\nif __name__ == '__main__':\n    main()\n"
    )
    return script


def ran(folder: Path, *command: str | Path) -> subprocess.CompletedProcess[str]:
    return complete([sys.executable, *command], cwd=folder)


ON_CPU = (
    "--model", "untrained:esm2_t6_8M_UR50D",
    "--devices", "cpu", "--cpu-workers", "1", "--cpu-threads", "1",
)  # fmt: skip


def test_workers_do_not_import_them(
    folder: Path, installed: Path, little: Path, tmp_path: Path
) -> None:
    run = ran(folder, installed, "run", little, "-o", tmp_path / "out", *ON_CPU)
    assert (run.returncode, run.stderr) == (0, "")
    assert "3 of 3 files done" in run.stdout


def test_a_measurement_does_not_import_them(folder: Path, installed: Path) -> None:
    bench = ran(folder, installed, "bench", "--seconds", "0.1", *ON_CPU[2:])
    assert (bench.returncode, bench.stderr) == (0, "")


def test_dask_s_workers_do_not_import_them(
    folder: Path, installed: Path, little: Path, tmp_path: Path
) -> None:
    pytest.importorskip("distributed")
    run = ran(folder, installed, "run", little, "-o", tmp_path / "out", *ON_CPU[:2], "--local", "1")
    assert (run.returncode, run.stderr) == (0, "")
    assert "3 of 3 files done" in run.stdout


def test_as_a_module_it_looks_there_last(folder: Path) -> None:
    # Python itself imports this one before any line of ours.
    (folder / "types.py").unlink()
    asked = ran(folder, "-m", "tui_balancer", "devices", "--devices", "cpu")
    assert (asked.returncode, asked.stderr) == (0, "")
