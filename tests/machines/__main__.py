"""A short form of the tests under other machines and users: `python -m tests.machines [SETTING …]`.

Prints a table; the exit code is 1 if a test failed. What this machine cannot imitate is said and
left out. `--tests tests` runs all tests there, and `--module` anything else:

    python -m tests.machines avx2 --module tests.benchmarks.breakdown --models 8M
"""

from __future__ import annotations

import argparse
import compileall
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import tui_balancer
from tests.machines.settings import ROOT, SETTINGS, NotHere, Setting, Start

SHORT_FORM = (
    "tests/unit/devices/**/test_*.py",
    "tests/unit/embedding/**/test_*.py",
    "tests/unit/ledger/**/test_*.py",
    "tests/unit/outputs/**/test_*.py",
    "tests/unit/workers/**/test_*.py",
    "tests/unit/cli/test_preferences.py",
    "tests/unit/cli/commands/test_completion.py",
    "tests/unit/run/prepare/test_precision.py",
    "tests/unit/process/test_stop_signals.py",
    "tests/processes/test_command_line.py",
    "tests/processes/test_run_session.py",
    "tests/terminal/test_screen.py",
)
"""Patterns of test files: what a processor, a user and a system have a say in.

How vectors are computed, files written, processes started, a run and its screen. About a minute
on two cores.
"""

_SHOWN = 15


@dataclass(frozen=True)
class Outcome:
    """What became of the tests in one setting.

    Attributes:
        passed: How many tests.
        failed: How many; 1 where pytest did not come to its end.
        skipped: How many.
        seconds: That all of them took.
        failures: A line for each that failed, or pytest's last lines.
        missing: Why this machine cannot imitate the setting; empty where it can.
    """

    passed: int = 0
    failed: int = 0
    skipped: int = 0
    seconds: float = 0.0
    failures: tuple[str, ...] = ()
    missing: str = ""


def run(setting: Setting, tests: Sequence[str], processes: int) -> Outcome:
    """Run tests in a setting.

    Args:
        setting: The machine or user.
        tests: Patterns of files and folders.
        processes: Of pytest's.
    """
    try:
        with started(setting) as (start, written):
            return _ran(start, tests, processes, written)
    except NotHere as reason:
        return Outcome(missing=str(reason))


def run_module(setting: Setting, module: Sequence[str]) -> int:
    """Run a module with its arguments in a setting; return its exit code.

    Raises:
        NotHere: This machine cannot imitate the setting.
    """
    with started(setting) as (start, _):
        command = (*start.prefix, sys.executable, "-m", *module)
        return subprocess.run(command, cwd=start.tree, env=_environment(start)).returncode


@contextmanager
def started(setting: Setting) -> Iterator[tuple[Start, Path]]:
    """Yield how commands are started in a setting, and a folder that they can write into.

    Raises:
        NotHere: This machine cannot imitate it.
    """
    with tempfile.TemporaryDirectory(prefix="machine-", ignore_cleanup_errors=True) as name:
        Path(name).chmod(0o755)
        scratch, written = Path(name) / "setting", Path(name) / "written"
        scratch.mkdir()
        written.mkdir()
        try:
            start = setting.start(scratch)
            tried = subprocess.run([*start.prefix, "true"], capture_output=True, text=True)
        except OSError as reason:
            raise NotHere(str(reason)) from reason
        if tried.returncode:
            raise NotHere(tried.stderr.strip().rpartition("\n")[2])
        if start.user is not None:
            shutil.chown(written, start.user, start.user)
        yield start, written


def _environment(start: Start) -> dict[str, str]:
    return {
        **({} if start.whole else os.environ),
        **start.environment,
        "PYTHONPATH": os.pathsep.join((str(start.tree), *start.modules)),
    }


def _ran(start: Start, tests: Sequence[str], processes: int, written: Path) -> Outcome:
    results = written / "results.xml"
    files = sorted(str(one) for pattern in tests for one in start.tree.glob(pattern))
    began = time.monotonic()
    done = subprocess.run(
        [
            *(*start.prefix, sys.executable, "-m", "pytest", "-p", "no:cacheprovider"),
            *(f"--numprocesses={processes}", f"--basetemp={written / 'tests'}"),
            *(f"--junitxml={results}", *files),
        ],
        cwd=start.tree,
        env=_environment(start),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
    )
    seconds = time.monotonic() - began
    if not results.exists():
        return Outcome(0, 1, 0, seconds, tuple(done.stdout.splitlines()[-_SHOWN:]))
    return _read(results, seconds)


def _read(results: Path, seconds: float) -> Outcome:
    """Return what pytest has written about the tests."""
    (suite,) = ElementTree.parse(results).getroot()
    failures = tuple(
        f"{case.get('classname')}::{case.get('name')}: {one.get('message', '').splitlines()[0]}"
        for case in suite.iter("testcase")
        for one in (*case.iter("failure"), *case.iter("error"))
    )
    total, skipped = int(suite.get("tests", 0)), int(suite.get("skipped", 0))
    failed = int(suite.get("failures", 0)) + int(suite.get("errors", 0))
    return Outcome(total - skipped - failed, failed, skipped, seconds, failures)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    by_name = {one.name: one for one in SETTINGS}
    listed = "\n".join(f"  {one.name:<14}{one.what}" for one in SETTINGS)
    parser = argparse.ArgumentParser(
        prog="python -m tests.machines",
        description=f"Run a short form of the tests under:\n\n{listed}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("settings", nargs="*", metavar="SETTING", help="all, if none is named")
    parser.add_argument(
        "--tests", nargs="+", metavar="FILE", default=SHORT_FORM, help="instead of the short form"
    )
    parser.add_argument("--processes", type=int, default=2, help="of pytest; 2 by default")
    parser.add_argument(
        "--module", nargs=argparse.REMAINDER, default=[], help="a module and its arguments, instead"
    )
    asked = parser.parse_args(argv)
    if unknown := [name for name in asked.settings if name not in by_name]:
        parser.error(f"no such setting: {', '.join(unknown)}")
    if asked.module and not asked.settings:
        parser.error("--module needs a setting")
    nothing = [one for one in asked.tests if not any(ROOT.glob(one))]
    if nothing and not asked.module:
        parser.error(f"no such tests: {', '.join(nothing)}")
    # Who cannot write beside the sources finds them compiled.
    compileall.compile_dir(Path(tui_balancer.__file__).parent, quiet=1)
    if asked.module:
        try:
            return max(run_module(by_name[name], asked.module) for name in asked.settings)
        except NotHere as reason:
            parser.error(f"not on this machine: {reason}")
    print(f"{'setting':<14}{'passed':>8}{'failed':>8}{'skipped':>9}{'seconds':>9}", flush=True)
    outcomes = []
    for name in asked.settings or by_name:
        outcomes.append(run(by_name[name], asked.tests, asked.processes))
        print("\n".join(_lines(name, outcomes[-1])), flush=True)
    return 1 if any(one.failed for one in outcomes) else 0


def _lines(name: str, outcome: Outcome) -> list[str]:
    """Return an outcome as a row of the table, and its first failures."""
    if outcome.missing:
        return [f"{name:<14}not on this machine: {outcome.missing}"]
    numbers = f"{outcome.passed:>8}{outcome.failed:>8}{outcome.skipped:>9}{outcome.seconds:>9.0f}"
    lines = [f"{name:<14}{numbers}", *(f"  {line}" for line in outcome.failures[:_SHOWN])]
    if len(outcome.failures) > _SHOWN:
        lines.append(f"  and {len(outcome.failures) - _SHOWN} more")
    return lines


if __name__ == "__main__":
    sys.exit(main())
