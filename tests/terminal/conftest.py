"""What the tests at a terminal run: a little work, or more than anybody will wait for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

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
