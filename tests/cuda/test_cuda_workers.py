"""Several workers on one CUDA device: the bytes of one, whatever happens to them."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from tests.support.flat_settings import flat_settings
from tests.support.sessions import completed, finished, held, outputs, wait_for_row
from tui_balancer.embedding.models import ModelSource
from tui_balancer.inputs.synthetic import write_synthetic
from tui_balancer.run.live.session import RunSession
from tui_balancer.run.prepare.prepare import prepare
from tui_balancer.scheduler.commands import DrainDevice, PauseDevice, StartDevice
from tui_balancer.scheduler.events import StealEvent
from tui_balancer.scheduler.model import DeviceState

pytestmark = pytest.mark.cuda

FILES = 6


@pytest.fixture(scope="module")
def proteins(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("proteins")
    write_synthetic(folder, files=FILES, sequences=400, seed=3)
    return folder


def on_card(
    proteins: Path, source: ModelSource, output: Path, workers: int, **settings: object
) -> RunSession:
    """Return a run on the first card that has not begun."""
    return RunSession(
        prepare(
            flat_settings(
                inputs=(str(proteins),),
                output=output,
                model=str(source.checkpoint),
                devices="cuda:0",
                workers_per_gpu=workers,
                batch_tokens=2048,
                **settings,
            )
        )
    )


@pytest.fixture(scope="module")
def alone(
    proteins: Path, source: ModelSource, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, bytes]:
    """The outputs of the only worker of the card."""
    folder = tmp_path_factory.mktemp("alone") / "out"
    summary = completed(on_card(proteins, source, folder, 1))
    assert [one.device for one in summary.devices] == ["cuda:0"]
    return outputs(folder)


@pytest.mark.parametrize("workers", [2, 4])
def test_several_workers_make_the_bytes_of_one(
    workers: int, proteins: Path, source: ModelSource, tmp_path: Path, alone: dict[str, bytes]
) -> None:
    run = on_card(proteins, source, tmp_path / "out", workers)
    run.start()
    with held(run) as row:
        sample = wait_for_row(
            run, lambda one: one.device == row.device and bool(one.sample.process_memory)
        ).sample
    summary = finished(run)
    assert [one.device for one in summary.devices] == [f"cuda:0/{n}" for n in range(workers)]
    assert outputs(tmp_path / "out") == alone
    assert sample.process_memory is not None
    assert sample.memory_used is not None
    assert sample.memory_total is not None
    assert sample.process_memory <= sample.memory_used <= sample.memory_total


def test_steals_and_a_death_between_workers_of_a_card_change_no_byte(
    proteins: Path, source: ModelSource, tmp_path: Path, alone: dict[str, bytes]
) -> None:
    weights = "cuda:0/0=1000,cuda:0/1=1"
    run = on_card(proteins, source, tmp_path / "out", 2, weights=weights)
    run.start()
    with held(run) as row:
        assert run.execute(PauseDevice(row.device)).accepted
        wait_for_row(run, lambda one: one.stolen_to > 0)
        os.kill(run.engine.pids()[row.device], signal.SIGKILL)
        wait_for_row(run, lambda one: one.device == row.device and one.restarts == 1)
    summary = finished(run)
    assert (summary.done, summary.failed, summary.waiting) == (FILES, (), 0)
    assert any(isinstance(event, StealEvent) for event in run.events_after(0))
    assert outputs(tmp_path / "out") == alone


def test_a_worker_that_is_added_to_a_card_at_work_continues_for_the_first_one(
    proteins: Path, source: ModelSource, tmp_path: Path, alone: dict[str, bytes]
) -> None:
    run = on_card(proteins, source, tmp_path / "out", 1)
    run.start()
    with held(run):
        assert run.execute(StartDevice("cuda:0/1")).accepted
        assert run.execute(DrainDevice("cuda:0")).accepted
        wait_for_row(run, lambda one: one.device == "cuda:0/1" and one.running is not None)
    summary = finished(run)
    assert (summary.done, summary.failed, summary.waiting) == (FILES, (), 0)
    states = {one.device: one.state for one in run.coordinator.get_gpu_metrics()}
    assert states["cuda:0"] in (DeviceState.DRAINED, DeviceState.STOPPED)
    assert outputs(tmp_path / "out") == alone
