"""Several workers on a card: whole runs, with a card whose arithmetic is the processor's."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.flat_settings import flat_settings
from tests.support.preloaded import workers_with_a_card
from tests.support.sessions import (
    completed,
    finished,
    held,
    in_mid_file,
    outputs,
    wait_for_row,
)
from tui_balancer.devices.sharing import memory_share
from tui_balancer.embedding.models import ModelSource
from tui_balancer.engines import local
from tui_balancer.history.finished_run import FinishedRun
from tui_balancer.inputs.synthetic import write_synthetic
from tui_balancer.run.live.session import RunSession
from tui_balancer.run.live.worker_pool import worker_log
from tui_balancer.run.prepare.prepare import prepare
from tui_balancer.samples import DeviceSample
from tui_balancer.scheduler.commands import (
    DrainDevice,
    Outcome,
    PauseAll,
    PauseDevice,
    ResumeAll,
    StartDevice,
)
from tui_balancer.scheduler.events import ReturnEvent, SettingEvent, StealEvent
from tui_balancer.scheduler.model import DeviceState, ReturnCause
from tui_balancer.workers.benchmark.benchmark import benchmark
from tui_balancer.workers.benchmark.messages import BenchmarkTask

GIB = 1 << 30
FILES = 4


@pytest.fixture(scope="module", autouse=True)
def _card() -> Iterator[None]:
    with workers_with_a_card():
        yield


@pytest.fixture(scope="module")
def proteins(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("proteins")
    write_synthetic(folder, files=FILES, sequences=40, seed=3)
    return folder


def on_card(
    proteins: Path,
    checkpoint: Path,
    output: Path,
    workers: int | str,
    weights: str | None = None,
) -> RunSession:
    """Return a run on the card with so many workers that has not begun."""
    settings = flat_settings(
        inputs=(str(proteins),),
        output=output,
        model=str(checkpoint),
        devices="cuda:0",
        workers_per_gpu=workers,
        weights=weights,
        batch_tokens=256,
        precision="fp32",
    )
    return RunSession(prepare(settings))


@pytest.fixture(scope="module")
def alone(
    proteins: Path, checkpoint: Path, tmp_path_factory: pytest.TempPathFactory, _card: None
) -> dict[str, bytes]:
    """The outputs of the only worker of the card."""
    folder = tmp_path_factory.mktemp("alone") / "out"
    summary = completed(on_card(proteins, checkpoint, folder, 1))
    assert [one.device for one in summary.devices] == ["cuda:0"]
    assert "limited" not in worker_log(folder, "cuda:0").read_text()
    made = outputs(folder)
    assert len(made) == FILES
    return made


def test_four_workers_make_the_bytes_of_one_in_their_shares_of_the_memory(
    proteins: Path, checkpoint: Path, tmp_path: Path, alone: dict[str, bytes]
) -> None:
    run = on_card(proteins, checkpoint, tmp_path / "out", 4)
    run.start()
    with held(run) as row:
        shown = wait_for_row(
            run, lambda one: one.device == row.device and one.sample != DeviceSample()
        )
        assert shown.sample == DeviceSample(10 * GIB, 24 * GIB, 0.42, 3 * GIB)
    summary = finished(run)
    names = [f"cuda:0/{slot}" for slot in range(4)]
    assert [one.device for one in summary.devices] == names
    assert [one.device for one in FinishedRun(tmp_path / "out").summary().devices] == names
    assert outputs(tmp_path / "out") == alone
    limit = f"limited to {memory_share(24 * GIB, 4) * 24:.2f} GiB"
    for name in names:
        assert limit in worker_log(tmp_path / "out", name).read_text()


def test_a_worker_steals_from_another_of_its_card_and_survives_its_death(
    proteins: Path,
    checkpoint: Path,
    tmp_path: Path,
    alone: dict[str, bytes],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # No other end is to be awaited.
    monkeypatch.setattr(local, "SETTLING_SECONDS", 0.0)
    weights = "cuda:0/0=1000,cuda:0/1=1"
    run = on_card(proteins, checkpoint, tmp_path / "out", 2, weights=weights)
    run.start()
    with held(run, lambda one: one.device == "cuda:0/0" and in_mid_file(one)) as row:
        assert run.execute(PauseDevice(row.device)).accepted
        wait_for_row(run, lambda one: one.stolen_to > 0)
        os.kill(run.engine.pids()[row.device], signal.SIGKILL)
        wait_for_row(run, lambda one: one.device == row.device and one.restarts == 1)
    summary = finished(run)
    assert (summary.done, summary.failed, summary.waiting) == (FILES, (), 0)
    assert [(one.device, one.restarts) for one in summary.devices] == [
        ("cuda:0/0", 1),
        ("cuda:0/1", 0),
    ]
    steals = [event for event in run.events_after(0) if isinstance(event, StealEvent)]
    assert {(one.source, one.target) for one in steals} == {("cuda:0/0", "cuda:0/1")}
    assert outputs(tmp_path / "out") == alone


def test_workers_of_a_card_are_drained_and_added_while_the_run_works(
    proteins: Path, checkpoint: Path, tmp_path: Path, alone: dict[str, bytes]
) -> None:
    run = on_card(proteins, checkpoint, tmp_path / "out", 1)
    run.start()
    with held(run):
        refused = run.execute(StartDevice("cuda:0/0"))
        assert not refused.accepted
        assert "the workers of that card are cuda:0 in this run" in refused.message
        assert run.execute(StartDevice("cuda:0/1")) == Outcome(
            True, "cuda:0/1 starts", undoable=True
        )
        assert run.execute(DrainDevice("cuda:0")).accepted
        wait_for_row(run, lambda one: one.device == "cuda:0/1" and one.running is not None)
        # The run cannot end before it is seen that the worker has.
        assert run.execute(PauseAll()).accepted
    wait_for_row(run, lambda one: one.device == "cuda:0" and one.state is DeviceState.DRAINED)
    assert run.execute(ResumeAll()).accepted
    summary = finished(run)
    assert (summary.done, summary.failed, summary.waiting) == (FILES, (), 0)
    assert outputs(tmp_path / "out") == alone
    returned = [event for event in run.events_after(0) if isinstance(event, ReturnEvent)]
    assert [(one.device, one.cause) for one in returned] == [("cuda:0", ReturnCause.DRAINED)]
    limit = f"limited to {memory_share(24 * GIB, 2) * 24:.2f} GiB"
    assert limit in worker_log(tmp_path / "out", "cuda:0/1").read_text()


def test_workers_of_a_card_are_measured_at_the_same_time(model: ModelSource) -> None:
    one = BenchmarkTask("cuda:0/0", 1, model, ("fp32",), 256, seconds=0.01, memory_share=0.4)
    measured = benchmark([one, replace(one, device="cuda:0/1")], lambda _: None)
    assert sorted({one.device for one in measured}) == ["cuda:0/0", "cuda:0/1"]
    assert all(one.residues_per_second > 0 and one.ceiling > 0 for one in measured)


def test_auto_says_in_the_log_what_it_takes(
    proteins: Path, checkpoint: Path, tmp_path: Path
) -> None:
    run = on_card(proteins, checkpoint, tmp_path / "out", "auto")
    (decided,) = [event for event in run.events_after(0) if isinstance(event, SettingEvent)]
    run.close()
    assert not decided.by_hand
    assert decided.text.startswith("--workers-per-gpu auto: cuda:0: 2 workers, assumed, as the")
