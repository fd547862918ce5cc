"""Help and version import only what they show: that is most of the time they take."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.support.commands import tui_balancer_here
from tui_balancer.cli.app import app

SLOW = (
    "Bio esm h5py importlib.metadata multiprocessing numpy psutil pyarrow sqlite3 textual torch "
    "tui_balancer.engines.engine tui_balancer.run.live tui_balancer.run.prepare.prepare "
    "tui_balancer.ui tui_balancer.workers"
)
"""Libraries and packages that take long to import."""

PROGRAM = """
import sys
from tui_balancer.__main__ import main
names = sys.argv.pop(1).split()
try:
    main()
finally:
    print(*(name for name in names if name in sys.modules), file=sys.stderr)
"""


def imported(names: str, *words: str) -> list[str]:
    """Return the modules, of some, that a command line imports."""
    command = [sys.executable, "-c", PROGRAM, names, *words]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout
    return done.stderr.split()


def commands() -> list[str]:
    """Return the modules of the commands."""
    specs = [app[name].default_command for name in app if not name.startswith("-")]
    return sorted({one.__module__ for one in specs if one is not None})


def test_the_version_imports_no_command_and_nothing_slow() -> None:
    assert imported(f"{SLOW} {' '.join(commands())}", "--version") == []


@pytest.mark.parametrize("words", [["--help"], ["run", "--help"], ["simulate", "--help-all"]])
def test_help_imports_nothing_slow(words: list[str]) -> None:
    assert imported(SLOW, *words) == []


def test_the_list_of_models_imports_neither_torch_nor_the_screen() -> None:
    assert imported("Bio esm numpy pyarrow textual torch", "models", "--devices", "cpu") == []


def test_help_of_a_command_imports_no_other_command() -> None:
    others = [one for one in commands() if not one.endswith(".run")]
    assert imported(" ".join(others), "run", "--help") == []


def test_the_list_of_commands_has_the_first_line_of_each() -> None:
    page = " ".join(tui_balancer_here("--help").stdout.split())
    for name in app:
        if not name.startswith("-"):
            first, *_ = (app[name].default_command.__doc__ or "").splitlines()
            assert f" {name} {first} " in page


def test_an_unknown_command_is_answered_with_the_nearest_and_all_others() -> None:
    refused = tui_balancer_here("reprot")
    assert refused.returncode == 2
    assert refused.stderr.startswith(
        "tui-balancer: unknown command 'reprot'. Did you mean report? Commands: run, resume, "
    )
