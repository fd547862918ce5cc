"""What every test needs before its first import: one thread for torch, and a way to spawn."""

from __future__ import annotations

import compileall
import gc
import os
from collections.abc import Iterator
from itertools import count
from multiprocessing import resource_tracker
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

import tui_balancer
from tests.support.terminal import OpenTerminal, Terminal
from tui_balancer.cache import CACHE_VARIABLE, COMPILED
from tui_balancer.inputs.synthetic import write_synthetic

# Read when torch is first imported, here and in every process that a test starts.
os.environ["OMP_NUM_THREADS"] = "1"
os.environ["MKL_NUM_THREADS"] = "1"

# What a user, a terminal or a batch system has exported is for the program, not for its tests.
for _name in [*os.environ]:
    if _name.startswith(("TUI_BALANCER_", "TEXTUAL")) or _name.upper() in (
        *("COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR", "COLORFGBG", "PYTHONWARNINGS"),
        *("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"),
    ):
        del os.environ[_name]

# Neither how fast a machine is nor what is drawn today decides a property.
settings.register_profile(
    "any machine",
    settings.default,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("any machine")

# A captured or redirected stderr has no descriptor, and the tracker wants one to start.
resource_tracker.ensure_running()

_tests = count()


def pytest_configure(config: pytest.Config) -> None:
    """Compile the package once; else each of hundreds of processes might do so for itself."""
    if not hasattr(config, "workerinput"):
        compileall.compile_dir(Path(tui_balancer.__file__).parent, quiet=1)


def pytest_collection_finish() -> None:
    """Let the garbage collector pass over what will stay: torch alone is a million objects."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def _caches(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep the user's cache and preferences out of reach, of fixtures too that outlive a test."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(CACHE_VARIABLE, str(tmp_path_factory.getbasetemp() / "cache"))
        patch.setenv("TUI_BALANCER_CONFIG", str(tmp_path_factory.getbasetemp() / "no config.toml"))
        yield


@pytest.fixture(autouse=True)
def _no_learned_rates(
    _caches: None, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Let no test begin with what another one measured or chose; what it compiled stays right."""
    folder = tmp_path_factory.getbasetemp() / "caches" / str(next(_tests))
    folder.mkdir(parents=True)
    shared = tmp_path_factory.getbasetemp() / "cache" / COMPILED
    shared.mkdir(mode=0o700, parents=True, exist_ok=True)
    (folder / COMPILED).symlink_to(shared)
    monkeypatch.setenv(CACHE_VARIABLE, str(folder))
    monkeypatch.setenv("TUI_BALANCER_CONFIG", str(folder / "no config.toml"))


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


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say what the nodes of the clusters were: the machine and the user decide that."""
    kinds = {
        str(value)
        for report in terminalreporter.getreports("passed")
        for name, value in report.user_properties
        if name == "nodes"
    }
    if kinds:
        terminalreporter.write_line(f"nodes of the clusters: {', '.join(sorted(kinds))}")
