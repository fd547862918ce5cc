"""Several workers on the card: their speed together, and the tests of their runs. No torch here."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

from tests.benchmarks.card.context import Context
from tests.benchmarks.card.models import MODELS
from tests.support.flat_settings import flat_settings
from tui_balancer.run.lab.bench import prepare_benchmark

SECONDS, QUICK_SECONDS = 12.0, 0.5
"""Of the measurements of a model, with all numbers of workers; each start comes on top."""

TESTS = "tests/cuda/test_cuda_workers.py"
_TEST_LINE = re.compile(r"^(\S+::.+?) (PASSED|FAILED|ERROR|SKIPPED)")


def compare(context: Context, model: str) -> None:
    """Write the speed of 1, 2 and 4 workers in bf16, as `tui-balancer bench` measures it."""
    settings = flat_settings(
        inputs=(),
        output=context.scratch,
        model=f"untrained:{MODELS[model]}",
        devices=context.device,
        precision="bf16",
    )
    seconds = QUICK_SECONDS if context.quick else SECONDS
    benchmark = prepare_benchmark(settings, seconds, compare=True)
    for one in benchmark.rounds:
        for found in replace(benchmark, rounds=(one,)).measure(lambda _: None):
            context.results.write(
                "workers",
                model=model,
                workers=found.workers,
                shortest=found.bucket.shortest,
                longest=found.bucket.longest,
                residues_per_second=found.residues_per_second,
                flops_per_second=found.flops_per_second,
                products_per_second=found.ceiling,
            )


def run_tests(context: Context) -> None:
    """Run the tests of whole runs with several workers on the first card, and write each result.

    They compare bytes, and count steals, deaths and memory.
    """
    if context.device == "cpu":
        context.results.write("skipped", what=TESTS, reason="there is no card")
        return
    # Without the project's own arguments, which ask for plugins; one model of the two will do.
    command = [sys.executable, "-m", "pytest", "-o", "addopts=", "-v", "-p", "no:cacheprovider"]
    root = Path(__file__).parents[3]
    with subprocess.Popen(
        [*command, "-k", "not esm1", TESTS],
        cwd=root,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        assert process.stdout is not None
        last = ""
        for line in process.stdout:
            last = line.strip() or last
            if found := _TEST_LINE.match(line):
                context.results.write("test", name=found[1], outcome=found[2].lower())
    outcome = f"exit code {process.returncode} ({last.strip('= ')})"
    context.results.write("test", name=TESTS, outcome=outcome)
