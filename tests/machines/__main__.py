"""A short form of the tests under other machines and users: `python -m tests.machines [SETTING …]`.

Prints a table; the exit code is 1 if a test failed. What this machine cannot imitate is said and
left out. `--tests tests` runs all tests there.
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
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import tui_balancer
from tests.machines.settings import NOBODY, SETTINGS, NotHere, Setting

SHORT_FORM = ("tests/unit",)
"""What is chosen, forwarded, started, shown and written down: a minute of tests."""

_SHOWN = 15


@dataclass(frozen=True)
class Outcome:
    """What became of the tests in one setting.

    Attributes:
        counts: Tests by how they ended: passed, failed, skipped.
        seconds: That they took.
        failures: The tests that failed, or what was said where none ran.
        missing: Why this machine cannot imitate the setting; empty where it can.
    """

    counts: dict[str, int]
    seconds: float
    failures: tuple[str, ...] = ()
    missing: str = ""

    @property
    def good(self) -> bool:
        """Whether nothing failed."""
        return bool(self.missing) or not self.failures


def run(setting: Setting, tests: Sequence[str], processes: int) -> Outcome:
    """Run tests in a setting."""
    with tempfile.TemporaryDirectory(prefix="machine-", ignore_cleanup_errors=True) as name:
        scratch = Path(name)
        places = [scratch / "setting", scratch / "written"]
        for place in places:
            place.mkdir()
        scratch.chmod(0o755)
        if os.geteuid() == 0 and setting.name == "user":
            shutil.chown(scratch / "written", NOBODY, NOBODY)
        return _ran(setting, tests, processes, *places)


def _ran(
    setting: Setting, tests: Sequence[str], processes: int, scratch: Path, written: Path
) -> Outcome:
    try:
        start = setting.start(scratch)
        possible = subprocess.run([*start.prefix, "true"], capture_output=True, text=True)
    except (NotHere, OSError) as reason:
        return Outcome({}, 0.0, missing=str(reason))
    environment = {} if start.whole else dict(os.environ)
    environment |= {**start.environment, "PYTHONPATH": str(start.tree)}
    if possible.returncode:
        return Outcome({}, 0.0, missing=possible.stderr.strip().splitlines()[-1])
    results = written / "results.xml"
    command = [
        *(*start.prefix, sys.executable, "-m", "pytest", "-p", "no:cacheprovider"),
        *(f"--numprocesses={processes}", f"--basetemp={written / 'tests'}"),
        *(f"--junitxml={results}", *tests),
    ]
    started = time.monotonic()
    done = subprocess.run(
        command,
        cwd=start.tree,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    seconds = time.monotonic() - started
    if not results.exists():
        return Outcome({"failed": 1}, seconds, tuple(done.stdout.splitlines()[-_SHOWN:]))
    return _read(results, seconds)


def _read(results: Path, seconds: float) -> Outcome:
    suite = ElementTree.parse(results).getroot()[0]
    total, skipped = int(suite.get("tests", 0)), int(suite.get("skipped", 0))
    failed = int(suite.get("failures", 0)) + int(suite.get("errors", 0))
    failures = tuple(
        f"{case.get('classname')}::{case.get('name')}: {one.get('message', '').splitlines()[0]}"
        for case in suite.iter("testcase")
        for one in (*case.iter("failure"), *case.iter("error"))
    )
    counts = {"passed": total - skipped - failed, "failed": failed, "skipped": skipped}
    return Outcome(counts, seconds, failures)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    names = [one.name for one in SETTINGS]
    listed = "\n".join(f"  {one.name:<14}{one.what}" for one in SETTINGS)
    parser = argparse.ArgumentParser(
        prog="python -m tests.machines",
        description=f"Run a short form of the tests under:\n\n{listed}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("settings", nargs="*", metavar="SETTING", help="all, if none is named")
    parser.add_argument("--tests", nargs="+", default=SHORT_FORM, help="instead of the short form")
    parser.add_argument("--processes", type=int, default=2, help="of pytest; 2 by default")
    asked = parser.parse_args(argv)
    if unknown := [name for name in asked.settings if name not in names]:
        parser.error(f"no such setting: {', '.join(unknown)}")
    # What cannot write beside the sources finds them compiled.
    compileall.compile_dir(Path(tui_balancer.__file__).parent, quiet=1)
    print(f"{'setting':<14}{'passed':>8}{'failed':>8}{'skipped':>9}{'seconds':>9}", flush=True)
    good = True
    for setting in SETTINGS:
        if asked.settings and setting.name not in asked.settings:
            continue
        outcome = run(setting, asked.tests, asked.processes)
        good = good and outcome.good
        if outcome.missing:
            print(f"{setting.name:<14}not on this machine: {outcome.missing}", flush=True)
            continue
        cells = [outcome.counts.get(one, 0) for one in ("passed", "failed", "skipped")]
        print("{:<14}{:>8}{:>8}{:>9}{:>9.0f}".format(setting.name, *cells, outcome.seconds))
        for line in outcome.failures[:_SHOWN]:
            print(f"  {line}")
        if len(outcome.failures) > _SHOWN:
            print(f"  and {len(outcome.failures) - _SHOWN} more")
        sys.stdout.flush()
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
