"""A run steered by `control` and watched by `status` from other processes."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.support.commands import (
    all_end,
    begin,
    complete,
    run_command,
    tui_balancer_here,
    workers_of,
)
from tui_balancer.attach.letters import mailbox
from tui_balancer.attach.point import AttachPoint
from tui_balancer.inputs.synthetic import write_synthetic

DEADLINE_SECONDS = 200.0


def status(folder: Path) -> dict[str, Any]:
    ended = tui_balancer_here("status", folder, "--json")
    assert ended.returncode == 0, ended.stderr
    found: dict[str, Any] = json.loads(ended.stdout)
    return found


def control(folder: Path, *words: str) -> str:
    """Send an action that the run accepts, and return its message."""
    ended = tui_balancer_here("control", folder, *words)
    assert (ended.returncode, ended.stderr) == (0, "")
    return ended.stdout.strip()


def until(folder: Path, holds: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """Ask a run for its state until it is so."""
    asked_again = threading.Event()
    for _ in range(int(DEADLINE_SECONDS / 0.05)):
        if holds(now := status(folder)):
            return now
        asked_again.wait(0.05)
    raise AssertionError(f"waited in vain: {now}")


@pytest.mark.usefixtures("preloaded")
def test_a_run_is_steered_to_its_end_from_other_processes(tmp_path: Path) -> None:
    inputs, folder = tmp_path / "proteins", tmp_path / "out"
    write_synthetic(inputs, files=6, sequences=9000, seed=2)
    process = begin(run_command(inputs, output=folder, workers=2), "cpu:0  idle")
    try:
        now = until(folder, lambda one: all(device["file"] for device in one["devices"]))
        running = [device["file"] for device in now["devices"]]
        assert now["totals"]["files"] == 6

        paused = control(folder, "pause")
        assert paused == "all devices are paused"
        assert status(folder)["paused"]
        again = tui_balancer_here("control", folder, "pause")
        assert (again.returncode, again.stdout) == (1, "")
        assert again.stderr == "tui-balancer: all devices are already paused\n"

        names = sorted(path.name for path in inputs.iterdir())
        skipped = next(name for name in names if name not in running)
        assert control(folder, "skip", skipped) == f"{skipped} skipped"
        assert status(folder)["totals"]["skipped"] == 1
        assert control(folder, "undo") == f"undone: {skipped} waits again"
        assert "5 s saved" in control(folder, "threshold", "5")
        assert status(folder)["policy"] == {"kind": "time", "gain_seconds": 5.0}

        command = [sys.executable, "-m", "tui_balancer", "control", str(folder)]
        started = complete([*command, "first", running[0]])
        assert (started.returncode, started.stdout) == (1, "")
        assert started.stderr == f"tui-balancer: not moved: {running[0]} has started on cpu:0\n"

        # From now on the run is on another machine, for all that its folder says.
        point = AttachPoint.read(folder)
        assert point is not None
        replace(point, host="node17").write(folder)
        assert control(folder, "continue", "cpu:0") == "cpu:0 is resumed"
        states = [device["state"] for device in status(folder)["devices"]]
        assert states == ["busy", "paused"]

        workers = workers_of(process.pid)
        assert control(folder, "stop", "--now") == "stopping after the batches in flight"
        assert process.wait(DEADLINE_SECONDS) == 130
        assert all_end(workers)
    finally:
        process.kill()
        process.wait()
    assert not mailbox(folder).exists()
    ended = tui_balancer_here("control", folder, "continue")
    assert (ended.returncode, ended.stdout) == (2, "")
    assert tui_balancer_here("status", folder).returncode == 2
