"""What the tests at a terminal run: a little work, or more than anybody will wait for."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from tests.support.terminal import Terminal
from tui_balancer.inputs.synthetic import write_synthetic

OpenTerminal = Callable[..., Terminal]


@pytest.fixture(scope="session")
def little(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three files of a second's work; the models take longer to load."""
    folder = tmp_path_factory.mktemp("little")
    write_synthetic(folder, files=3, sequences=12, seed=1)
    return folder


@pytest.fixture(scope="session")
def endless(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three files of minutes of work: a run that a test has to stop."""
    folder = tmp_path_factory.mktemp("endless")
    write_synthetic(folder, files=3, sequences=6000, seed=2)
    return folder


@pytest.fixture
def open_terminal() -> Iterator[OpenTerminal]:
    """Open terminals, and see that their programs end with the test."""
    opened: list[Terminal] = []

    def open_one(command: list[str], **options: object) -> Terminal:
        opened.append(Terminal(command, **options))  # type: ignore[arg-type]
        return opened[-1]

    yield open_one
    for terminal in opened:
        terminal.close()
        terminal.process.kill()
        terminal.process.wait()


def run_command(*inputs: Path, output: Path, workers: int = 1) -> list[str]:
    """Return a run of the smallest model on the CPU, as a person types it."""
    return [
        *(sys.executable, "-m", "tui_balancer", "run", *map(str, inputs), "-o", str(output)),
        *("--model", "untrained:esm2_t6_8M_UR50D"),
        *("--devices", "cpu", "--cpu-workers", str(workers), "--cpu-threads", "1"),
    ]


def workers_of(pid: int) -> list[psutil.Process]:
    """Return the workers that an app has started."""
    family = psutil.Process(pid).children(recursive=True)
    return [one for one in family if any("spawn_main" in word for word in one.cmdline())]


def all_end(processes: list[psutil.Process]) -> bool:
    """Wait until these processes have ended; False if one outlives the patience."""
    return not psutil.wait_procs(processes, timeout=20)[1]
