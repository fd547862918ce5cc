"""Devices that a run did not ask for: what this machine has, and what the run can use."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.flat_settings import flat_settings
from tui_balancer.devices.info import DeviceInfo
from tui_balancer.engines.dask.request import ClusterRequest
from tui_balancer.errors import UserError
from tui_balancer.run.prepare import new_device as module
from tui_balancer.run.prepare.new_device import new_device
from tui_balancer.run.prepare.prepare import PreparedRun, prepare
from tui_balancer.workers.preflight.messages import PreflightReport

MODEL = "untrained:esm2_t6_8M_UR50D"


@pytest.fixture
def prepared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PreparedRun:
    monkeypatch.setattr(module, "usable_cores", lambda: 4)
    (tmp_path / "a.faa").write_text(">a\nMKV\n")
    return prepare(
        flat_settings(
            inputs=(str(tmp_path / "a.faa"),),
            output=tmp_path / "out",
            model=MODEL,
            devices="cpu",
            cpu_workers=1,
            cpu_threads=2,
        )
    )


def found(*devices: DeviceInfo) -> object:
    return lambda request: PreflightReport(None, devices)


def test_a_cpu_worker_has_as_many_threads_as_the_others(prepared: PreparedRun) -> None:
    device = new_device(prepared, "cpu:3", prepared.devices)
    assert (device.device, device.threads) == ("cpu:3", 2)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("cpu:4", "there is no device cpu:4: this machine has 4 cores for CPU workers"),
        ("cpu", "there is no device cpu: write cuda:N, mps or cpu:N"),
        ("cuda:01", "there is no device cuda:01: write cuda:N, mps or cpu:N"),
        ("gpu:0", "there is no device gpu:0: write cuda:N, mps or cpu:N"),
    ],
)
def test_what_there_cannot_be_is_refused(prepared: PreparedRun, name: str, message: str) -> None:
    with pytest.raises(UserError) as refused:
        new_device(prepared, name, prepared.devices)
    assert str(refused.value) == message


def test_a_cpu_worker_without_memory_is_refused(
    prepared: PreparedRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "available_memory", lambda: 1 << 20)
    with pytest.raises(UserError, match=r"^cpu:1 needs .* of memory, and .* are free$"):
        new_device(prepared, "cpu:1", prepared.devices)


def test_a_card_is_looked_for(prepared: PreparedRun, monkeypatch: pytest.MonkeyPatch) -> None:
    card = DeviceInfo("cuda:1", "card", 1 << 30, capability=(9, 0))
    monkeypatch.setattr(module, "preflight", found(card))
    assert new_device(prepared, "cuda:1", prepared.devices).name == "card"
    with pytest.raises(UserError, match=r"^cuda:2: this machine has 1 CUDA device \(cuda:1\)$"):
        new_device(prepared, "cuda:2", prepared.devices)


def test_on_a_cluster_workers_join_by_themselves(prepared: PreparedRun) -> None:
    request = ClusterRequest(scheduler="tcp://head:8786")
    far = replace(prepared, settings=replace(prepared.settings, cluster=request))
    with pytest.raises(UserError, match="start a worker on the cluster, and it joins"):
        new_device(far, "cuda:1", prepared.devices)
