"""What `bench` measures, and what it says of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from rich.console import Console

from tui_balancer.cli.tables import bench_table
from tui_balancer.device_names import card_workers
from tui_balancer.devices.info import DeviceInfo
from tui_balancer.devices.selection import WorkersPerGpu
from tui_balancer.devices.sharing import memory_share
from tui_balancer.embedding.families.requests import UntrainedModel
from tui_balancer.embedding.settings import PrecisionChoice
from tui_balancer.run.lab import bench
from tui_balancer.run.lab.bench import comparison_lines, prepare_benchmark
from tui_balancer.run.prepare.learned_rates import load_rates, rate_key
from tui_balancer.settings import DeviceSettings, EmbeddingChoice, RunSettings
from tui_balancer.workers.benchmark.messages import BUCKETS, BenchmarkTask, Measurement
from tui_balancer.workers.preflight.messages import PreflightReport

MODEL = "esm2_t6_8M_UR50D"


def asked(precision: PrecisionChoice = "auto", workers: int = 2) -> RunSettings:
    return RunSettings(
        inputs=(),
        output=Path(),
        model=f"untrained:{MODEL}",
        embedding=EmbeddingChoice(precision=precision),
        devices=DeviceSettings("cpu", cpu_workers=workers, cpu_threads=1),
    )


def test_every_worker_shares_the_seconds_out_among_its_measurements() -> None:
    benchmark = prepare_benchmark(asked(), seconds=14)
    (one,) = benchmark.rounds
    assert [task.device for task in one.tasks] == ["cpu:0", "cpu:1"]
    assert {task.precisions for task in one.tasks} == {("fp32", "bf16")}
    assert benchmark.measurements == 12
    assert one.tasks[0].seconds == 2
    (line,) = benchmark.device_lines()
    assert line.endswith("2 workers of 1 thread")


def test_a_precision_that_was_asked_for_is_the_only_one() -> None:
    (one,) = prepare_benchmark(asked("fp16", workers=1), seconds=1).rounds
    (task,) = one.tasks
    assert task.precisions == ("fp16",)


@pytest.mark.parametrize(("asked_for", "taken"), [("auto", "fp32"), ("bf16", "bf16")])
def test_as_in_a_run_the_format_of_all_devices_is_the_only_one(
    asked_for: PrecisionChoice, taken: str
) -> None:
    benchmark = prepare_benchmark(asked(asked_for), seconds=7, as_in_a_run=True)
    (one,) = benchmark.rounds
    assert [task.precisions for task in one.tasks] == [(taken,)] * 2
    assert one.tasks[0].seconds == 2


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
    keys = [rate_key(one, MODEL, "bf16") for one in benchmark.rounds[0].devices]
    assert [load_rates()[key] for key in keys] == [3e9, 3e9]


def test_the_table_tells_the_share_of_the_ceiling(capsys: pytest.CaptureFixture[str]) -> None:
    Console(width=100).print(
        bench_table([Measurement("cuda:0", "bf16", BUCKETS[0], 81_234.0, 1.5e13, 2e13)])
    )
    row = capsys.readouterr().out.splitlines()[-2].split()
    assert row == ["cuda:0", "bf16", "1", "30–100", "81.2k", "15.0T", "20.0T", "75%"]


GIB = 1 << 30
SPEEDS = {1: 10e12, 2: 8e12, 3: 5e12, 4: 4.1e12}
"""FLOP/s of each worker of a card, by their number."""


@pytest.fixture
def cards(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """A machine with a large card and one for two workers; the devices of each round."""
    found = (
        DeviceInfo("cuda:0", "Large", 80 * GIB, "GPU-0", (8, 0)),
        DeviceInfo("cuda:1", "Small", 2 * GIB, "GPU-1", (8, 0)),
        DeviceInfo("cpu", "EPYC", 64 * GIB),
    )
    source = UntrainedModel(MODEL, 0).source()
    monkeypatch.setattr(bench, "preflight", lambda *_: PreflightReport(source, found))
    rounds: list[list[str]] = []

    def measured(
        tasks: Sequence[BenchmarkTask], on_measured: Callable[[Measurement], None]
    ) -> tuple[Measurement, ...]:
        rounds.append([task.device for task in tasks])
        workers = card_workers(task.device for task in tasks)
        return tuple(
            Measurement(task.device, one, bucket, 100.0, SPEEDS[workers[task.device]], 4e13)
            for task in tasks
            for one in task.precisions
            for bucket in BUCKETS
        )

    monkeypatch.setattr(bench, "benchmark", measured)
    return rounds


def on_cards(devices: str = "cuda,cpu", workers: WorkersPerGpu = 1) -> RunSettings:
    return RunSettings(
        inputs=(),
        output=Path(),
        model=f"untrained:{MODEL}",
        embedding=EmbeddingChoice(precision="bf16"),
        devices=DeviceSettings(devices, workers, 1 if "cpu" in devices else None, 1),
    )


def test_cards_are_measured_with_1_2_and_4_workers_and_what_suits_them_is_kept(
    cards: list[list[str]],
) -> None:
    benchmark = prepare_benchmark(on_cards(), seconds=21, compare=True)
    assert benchmark.rounds[0].tasks[0].seconds == 2
    assert benchmark.measurements == len(BUCKETS) * (3 + 4 + 4)
    results = benchmark.measure(lambda _: None)
    assert cards == [
        ["cuda:0", "cuda:1", "cpu:0"],
        ["cuda:0/0", "cuda:0/1", "cuda:1/0", "cuda:1/1"],
        ["cuda:0/0", "cuda:0/1", "cuda:0/2", "cuda:0/3"],
    ]
    assert [(one.device, one.workers) for one in results if one.bucket == BUCKETS[0]] == [
        *(("cuda:0", number) for number in (1, 2, 4)),
        *(("cuda:1", number) for number in (1, 2)),
        ("cpu", 1),
    ]
    assert comparison_lines(results) == (
        "cuda:0 bf16: --workers-per-gpu 2 suits it (times the speed of one: 2: 1.60, 4: 1.64)",
        "cuda:1 bf16: --workers-per-gpu 2 suits it (times the speed of one: 2: 1.60)",
    )
    run = prepare_benchmark(on_cards("cuda:0", "auto"), seconds=1)
    assert [one.device for one in run.rounds[0].devices] == ["cuda:0/0", "cuda:0/1"]
    shares = [task.memory_share for task in run.rounds[0].tasks]
    assert shares == [memory_share(80 * GIB, 2)] * 2


def test_a_number_of_workers_that_was_asked_for_is_the_only_one(cards: list[list[str]]) -> None:
    benchmark = prepare_benchmark(on_cards("cuda:0", 3), seconds=1)
    (line,) = benchmark.device_lines()
    assert line == "cuda:0  Large"
    results = benchmark.measure(lambda _: None)
    assert cards == [["cuda:0/0", "cuda:0/1", "cuda:0/2"]]
    assert {(one.device, one.workers, one.flops_per_second) for one in results} == {
        ("cuda:0", 3, 15e12)
    }
    assert comparison_lines(results) == ()
    key = rate_key(benchmark.rounds[0].devices[0], MODEL, "bf16", workers=3)
    assert load_rates()[key] == 5e12
