"""What a CUDA card does with all models, in ten minutes: `python -m tests.benchmarks.card`.

    python -m tests.benchmarks.card --results results
    python -m tests.benchmarks.card --device cpu --quick      # tries the script itself
    python -m tests.benchmarks.card --only workers-650M compiled-150M
    python -m tests.benchmarks.card --table results/card-….jsonl      # or of several, put together

Measures the card's own rates, our forward pass next to transformers' and fair-esm's, several
workers on the card, and runs their tests; see `steps.STEPS`. Each measurement is written when it
is made, so that a machine that is lost leaves what it had. What does not fit into the time that is
left is skipped, and what fails is a line among the results.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.benchmarks.card.context import Context
from tests.benchmarks.card.results import Results
from tests.benchmarks.card.steps import QUICK, STEPS, WEIGHTS, Step, make_weights
from tests.benchmarks.card.table import tables

PATIENCE = 2.0
"""A step is ended after so many times what it was estimated to take."""

Start = Callable[[Step, Context], None]
"""Runs a step, and returns when it has ended."""


def main(words: Sequence[str] | None = None, start: Start | None = None) -> None:
    """Measure, or be one of the processes that measure.

    Args:
        words: Of the command line; None for this process's.
        start: Runs each step; None for a process of its own.
    """
    options = _options(words)
    if options.table:
        print(tables(Results(options.table)))
        return
    deadline = time.monotonic() + 60 * options.minutes
    if options.step:
        results = Results(options.results)
        context = Context(options.device, results, options.scratch, options.quick, deadline)
        _be_a_process(options.step, options.only, context)
        return
    options.results.mkdir(parents=True, exist_ok=True)
    results = Results(options.results / time.strftime("card-%Y%m%d-%H%M%S.jsonl"))
    results.path.touch()
    with tempfile.TemporaryDirectory() as scratch:
        context = Context(options.device, results, Path(scratch), options.quick, deadline)
        _measure([one for one in STEPS if one.name in options.only], context, start)
    text = tables(results)
    results.path.with_suffix(".md").write_text(f"{text}\n", encoding="utf-8")
    print(f"\n{results.path}\n\n{text}")


def _options(words: Sequence[str] | None) -> argparse.Namespace:
    names = [one.name for one in STEPS]
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=9.0, help="until it ends (%(default)s)")
    parser.add_argument("--device", default="cuda:0", metavar="cuda:N|cpu")
    parser.add_argument("--quick", action="store_true", help="cut models, to try the script")
    parser.add_argument("--only", nargs="+", choices=names, metavar="STEP", help=", ".join(names))
    parser.add_argument("--results", type=Path, default=Path(__file__).parents[1] / "results")
    parser.add_argument("--table", type=Path, metavar="FILE", help="print earlier results again")
    parser.add_argument("--step", help=argparse.SUPPRESS)
    parser.add_argument("--scratch", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args(words)
    options.only = options.only or (list(QUICK) if options.quick else names)
    return options


def _measure(steps: Sequence[Step], context: Context, start: Start | None) -> None:
    """Run what fits into the time that is left, in order."""
    names = [one.name for one in steps if one.shares_weights]
    making = _process(WEIGHTS, context, names) if names and start is None else None
    try:
        for step in steps:
            left = context.left
            if left < step.seconds and not context.quick:
                reason = f"takes about {step.seconds:.0f} s, {left:.0f} s are left"
                context.results.write("skipped", what=step.name, reason=reason)
                continue
            print(f"{step.name}: {left:.0f} s are left", flush=True)
            (start or _run_in_a_process)(step, context)
            # The next estimates.
            context.results.write("step", name=step.name, seconds=left - context.left)
    finally:
        if making is not None:
            _end(making)


def _run_in_a_process(step: Step, context: Context) -> None:
    """Run a step where neither a crash nor a card without memory harms the next one."""
    seconds = min(context.left, PATIENCE * step.seconds)
    process = _process(step.name, context, [step.name], seconds)
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        context.results.failed(step.name, f"ended after {seconds:.3g} s")
    finally:
        _end(process)
    if process.returncode > 0:
        context.results.failed(step.name, f"exit code {process.returncode}")


def _process(
    name: str, context: Context, only: Sequence[str], seconds: float | None = None
) -> subprocess.Popen[bytes]:
    """Start a process of this module, which measures for so long."""
    minutes = (context.left if seconds is None else seconds) / 60
    return subprocess.Popen(
        [
            *(sys.executable, "-m", "tests.benchmarks.card", "--step", name, "--only", *only),
            *("--device", context.device, "--minutes", str(minutes)),
            *("--results", str(context.results.path), "--scratch", str(context.scratch)),
            *(["--quick"] if context.quick else []),
        ],
        stdin=subprocess.DEVNULL,
        start_new_session=True,
    )


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a process with all it has started."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _be_a_process(name: str, only: Sequence[str], context: Context) -> None:
    """Run a step, or make the weights of some."""
    wanted = [one for one in STEPS if one.name in only]
    try:
        if name == WEIGHTS:
            make_weights(context, list(dict.fromkeys(one.model for one in wanted)))
        else:
            wanted[0].run(context)
    except Exception as error:
        context.results.failed(name, error)


if __name__ == "__main__":
    # `timeout` ends a command so; its processes end with it.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    main()
