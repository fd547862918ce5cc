"""What `bench` measures, and what it says of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from rich.console import Console

from tui_balancer.cli.tables import bench_table
from tui_balancer.embedding.settings import PrecisionChoice
from tui_balancer.run.lab import bench
from tui_balancer.run.lab.bench import prepare_benchmark
from tui_balancer.run.prepare.learned_rates import load_rates, rate_key
from tui_balancer.settings import DeviceSettings, EmbeddingChoice, RunSettings
from tui_balancer.workers.benchmark.messages import BUCKETS, BenchmarkTask, Measurement

MODEL = "esm2_t6_8M_UR50D"


def asked(precision: PrecisionChoice = "auto", workers: int = 2) -> RunSettings:
    return RunSettings(
        inputs=(),
        output=Path(),
        model=f"untrained:{MODEL}",
        embedding=EmbeddingChoice(precision=precision),
        devices=DeviceSettings("cpu", workers, cpu_threads=1),
    )


def test_every_worker_shares_the_seconds_out_among_its_measurements() -> None:
    benchmark = prepare_benchmark(asked(), seconds=14)
    assert [task.device for task in benchmark.tasks] == ["cpu:0", "cpu:1"]
    assert {task.precisions for task in benchmark.tasks} == {("fp32", "bf16")}
    assert benchmark.measurements == 12
    assert benchmark.tasks[0].seconds == 2
    (line,) = benchmark.device_lines()
    assert line.endswith("2 workers of 1 thread")


def test_a_precision_that_was_asked_for_is_the_only_one() -> None:
    (task,) = prepare_benchmark(asked("fp16", workers=1), seconds=1).tasks
    assert task.precisions == ("fp16",)


@pytest.mark.parametrize(("asked_for", "taken"), [("auto", "fp32"), ("bf16", "bf16")])
def test_as_in_a_run_the_format_of_all_devices_is_the_only_one(
    asked_for: PrecisionChoice, taken: str
) -> None:
    benchmark = prepare_benchmark(asked(asked_for), seconds=7, as_in_a_run=True)
    assert [task.precisions for task in benchmark.tasks] == [(taken,)] * 2
    assert benchmark.tasks[0].seconds == 2


def fake_benchmark(
    tasks: Sequence[BenchmarkTask], on_measured: Callable[[Measurement], None]
) -> tuple[Measurement, ...]:
    """Stand in for the processes: the last device is the first to be heard of."""
    return tuple(
        Measurement(task.device, precision, bucket, 100.0, 3e9, 4e9)
        for task in reversed(tasks)
        for precision in task.precisions
        for bucket in BUCKETS
    )


def test_the_processors_workers_are_one_device_of_their_speeds_together(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(bench, "benchmark", fake_benchmark)
    measured = prepare_benchmark(asked(), seconds=1).measure(lambda _: None)
    cells = [(one.device, one.precision, one.bucket) for one in measured]
    assert cells == [("cpu", one, bucket) for one in ("fp32", "bf16") for bucket in BUCKETS]
    sums = {(one.residues_per_second, one.flops_per_second, one.ceiling) for one in measured}
    assert sums == {(200.0, 6e9, 8e9)}


def test_the_next_run_begins_with_what_each_worker_did_by_itself(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(bench, "benchmark", fake_benchmark)
    benchmark = prepare_benchmark(asked(), seconds=1)
    benchmark.measure(lambda _: None)
    keys = [rate_key(one, MODEL, "bf16") for one in benchmark.devices]
    assert [load_rates()[key] for key in keys] == [3e9, 3e9]


def test_the_table_tells_the_share_of_the_ceiling(capsys: pytest.CaptureFixture[str]) -> None:
    Console(width=100).print(
        bench_table([Measurement("cuda:0", "bf16", BUCKETS[0], 81_234.0, 1.5e13, 2e13)])
    )
    row = capsys.readouterr().out.splitlines()[-2].split()
    assert row == ["cuda:0", "bf16", "30–100", "81.2k", "15.0T", "20.0T", "75%"]
