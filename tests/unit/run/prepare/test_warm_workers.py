"""The processes that are started before the check of a run: as many as its workers, if certain."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tui_balancer.devices.info import DeviceInfo
from tui_balancer.engines.dask.request import ClusterRequest
from tui_balancer.errors import UserError
from tui_balancer.run.prepare import devices as module
from tui_balancer.run.prepare.devices import warm_workers
from tui_balancer.settings import DeviceSettings, RunSettings
from tui_balancer.workers.process.warm import WarmPool

LARGE = "esm2_t33_650M_UR50D"


class Counted(WarmPool):
    """Starts nothing.

    Attributes:
        wanted: Processes and their threads, as they were asked for.
    """

    def __init__(self) -> None:
        super().__init__()
        self.wanted: list[tuple[int, int]] = []

    def warm(self, count: int, threads: int) -> None:
        self.wanted.append((count, threads))


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunSettings:
    """A run on a machine of 8 cores, with memory for three of the large model's workers."""
    monkeypatch.setattr(module, "may_have_gpus", lambda: False)
    monkeypatch.setattr(module, "usable_cores", lambda: 8)
    monkeypatch.setattr(module, "available_memory", lambda: 20 << 30)
    monkeypatch.setattr(module, "describe_processor", lambda: DeviceInfo("cpu", "EPYC", None))
    return RunSettings(("in",), tmp_path / "out", "untrained:esm2_t6_8M_UR50D")


def warmed(settings: RunSettings, *, work: bool = True) -> list[tuple[int, int]]:
    pool = Counted()
    warm_workers(pool, settings, work=work)
    return pool.wanted


def test_each_worker_of_the_processor_has_a_process(asked: RunSettings) -> None:
    assert warmed(asked) == [(8, 1)]
    two = replace(asked, devices=DeviceSettings("cpu", cpu_workers=2))
    assert warmed(two) == [(2, 4)]
    assert warmed(two, work=False) == [(1, 4)]


def test_a_large_model_has_as_many_as_memory_allows(asked: RunSettings) -> None:
    ((count, _),) = warmed(replace(asked, model=f"untrained:{LARGE}"))
    assert 1 < count < 8
    assert warmed(replace(asked, model=f"/models/{LARGE}.pt"))[0][0] == count
    both = [asked, replace(asked, model=f"untrained:{LARGE}")]
    assert warmed(RunSettings.of_models(both))[0][0] == count


def test_a_checkpoint_of_unknown_size_has_one(asked: RunSettings) -> None:
    assert warmed(replace(asked, model="/models/mine.pt")) == [(1, 1)]


def test_where_a_gpu_may_be_only_the_check_has_one_unless_the_processor_alone_is_asked_for(
    asked: RunSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "may_have_gpus", lambda: True)
    assert warmed(asked) == [(1, 1)]
    assert warmed(replace(asked, devices=DeviceSettings("cpu"))) == [(8, 1)]


def test_on_a_cluster_only_the_check_has_one(asked: RunSettings) -> None:
    assert warmed(replace(asked, cluster=ClusterRequest())) == [(1, 1)]


def test_a_device_that_is_not_there_is_refused_before_any_process(asked: RunSettings) -> None:
    with pytest.raises(UserError, match="torch finds no CUDA device"):
        warmed(replace(asked, devices=DeviceSettings("cuda")))
