"""`bench` in real processes, and the ways they can end."""

from __future__ import annotations

import os
import re
import signal
import sys
from dataclasses import replace
from multiprocessing.connection import Connection
from pathlib import Path

import psutil
import pytest

from tests.support.commands import complete
from tui_balancer.embedding.models import ModelSource
from tui_balancer.errors import UserError
from tui_balancer.workers.benchmark import benchmark as module
from tui_balancer.workers.benchmark.benchmark import benchmark
from tui_balancer.workers.benchmark.messages import BUCKETS, BenchmarkTask, Measurement


@pytest.fixture
def task(model: ModelSource) -> BenchmarkTask:
    return BenchmarkTask("cpu:0", 1, model, ("fp32",), batch_tokens=256, seconds=0.01)


def test_devices_are_measured_side_by_side_and_their_processes_are_gone(
    task: BenchmarkTask,
) -> None:
    heard: list[Measurement] = []
    before = set(psutil.Process().children())
    measured = benchmark([task, replace(task, device="cpu:1")], heard.append)

    assert list(measured) == heard
    for device in ("cpu:0", "cpu:1"):
        mine = [one for one in measured if one.device == device]
        assert [one.bucket for one in mine] == list(BUCKETS)
        assert all(one.residues_per_second > 0 and one.ceiling > 0 for one in mine)
    assert set(psutil.Process().children()) <= before


def test_a_device_that_is_not_there_is_a_line_for_the_person(task: BenchmarkTask) -> None:
    with pytest.raises(UserError, match=r"^cuda:99: [^\n]+$"):
        benchmark([replace(task, device="cuda:99")], lambda _: None)


def crashes(task: BenchmarkTask, log: Path, channel: Connection) -> None:
    """Stand in for the process: a driver takes it down."""
    os.kill(os.getpid(), signal.SIGKILL)


def test_a_crash_is_a_line_for_the_person(
    task: BenchmarkTask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "benchmark_main", crashes)
    with pytest.raises(UserError, match=r"measuring cpu:0 ended early \(killed by SIGKILL\)"):
        benchmark([task], lambda _: None)


def test_the_command_prints_a_table_of_every_format_and_length(model: ModelSource) -> None:
    command = [sys.executable, "-m", "tui_balancer", "bench", "--model", str(model.checkpoint)]
    result = complete([*command, "--devices", "cpu", "--cpu-workers", "1", "--seconds", "0.1"])
    assert (result.returncode, result.stderr) == (0, "")
    rows = re.findall(r"^ cpu +(\w+) +1 +(\S+) .* \d+% *$", result.stdout, re.MULTILINE)
    lengths = ["30–100", "101–300", "301–1022"]
    assert rows == [(precision, one) for precision in ("fp32", "bf16") for one in lengths]


def test_no_time_at_all_is_refused() -> None:
    result = complete([sys.executable, "-m", "tui_balancer", "bench", "--seconds", "0"])
    assert result.returncode == 2
    assert result.stderr == (
        "tui-balancer: --seconds must be a number more than 0 and at most 10,000,000, not 0\n"
    )
