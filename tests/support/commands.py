"""The command line as processes: what is typed, and what becomes of the workers it starts."""

from __future__ import annotations

import sys
from pathlib import Path

import psutil


def run_command(*inputs: Path, output: Path, workers: int = 1) -> list[str]:
    """Return a run of the smallest model on the CPU, as a person types it."""
    return [
        *(sys.executable, "-m", "tui_balancer", "run", *map(str, inputs), "-o", str(output)),
        *("--model", "untrained:esm2_t6_8M_UR50D"),
        *("--devices", "cpu", "--cpu-workers", str(workers), "--cpu-threads", "1"),
    ]


def attach_command(output: Path, *options: str) -> list[str]:
    """Return what a second person types."""
    return [sys.executable, "-m", "tui_balancer", "attach", str(output), *options]


def workers_of(pid: int) -> list[psutil.Process]:
    """Return the workers that an app has started."""
    family = psutil.Process(pid).children(recursive=True)
    return [one for one in family if any("spawn_main" in word for word in one.cmdline())]


def all_end(processes: list[psutil.Process]) -> bool:
    """Wait until these processes have ended; False if one outlives the patience."""
    return not psutil.wait_procs(processes, timeout=20)[1]
