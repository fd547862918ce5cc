"""Devices that a run did not ask for: what this machine has, and what the run can use."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.flat_settings import flat_settings
from tui_balancer.devices.info import DeviceInfo
from tui_balancer.devices.selection import SelectedDevice
from tui_balancer.engines.dask.request import ClusterRequest
from tui_balancer.errors import UserError
from tui_balancer.run.prepare import new_device as module
from tui_balancer.run.prepare.new_device import new_device
from tui_balancer.run.prepare.prepare import PreparedRun, prepare
from tui_balancer.workers.preflight.messages import PreflightReport

MODEL = "untrained:esm2_t6_8M_UR50D"
FORMS = "cuda:N, cuda:N/M for one of several workers of a card, mps or cpu:N"


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
        ("cpu", f"there is no device cpu: write {FORMS}"),
        ("cpu:0/1", f"there is no device cpu:0/1: write {FORMS}"),
        ("cuda:01", f"there is no device cuda:01: write {FORMS}"),
        ("cuda:0/", f"there is no device cuda:0/: write {FORMS}"),
        ("gpu:0", f"there is no device gpu:0: write {FORMS}"),
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


CARD = DeviceInfo("cuda:0", "card", 24 << 30, capability=(9, 0))


def workers(*names: str) -> list[SelectedDevice]:
    return [SelectedDevice.of(CARD, name) for name in names]


def test_another_worker_of_a_card_is_found(
    prepared: PreparedRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "preflight", found(CARD))
    assert new_device(prepared, "cuda:0/1", workers("cuda:0")) == workers("cuda:0/1")[0]
    assert new_device(prepared, "cuda:0/5", workers("cuda:0/0", "cuda:0/1")).device == "cuda:0/5"
    assert new_device(prepared, "cuda:0", workers("cuda:0/1")).device == "cuda:0"


@pytest.mark.parametrize(
    ("name", "there", "other"),
    [
        ("cuda:0/0", ("cuda:0",), "cuda:0/1"),
        ("cuda:0", ("cuda:0/0", "cuda:0/1"), "cuda:0/2"),
        ("cuda:0/0", ("cuda:0", "cuda:0/1", "cuda:0/3"), "cuda:0/2"),
    ],
)
def test_a_worker_of_the_run_has_no_second_name(
    prepared: PreparedRun, name: str, there: tuple[str, ...], other: str
) -> None:
    with pytest.raises(UserError) as refused:
        new_device(prepared, name, workers(*there))
    assert str(refused.value) == (
        f"there is no device {name}: the workers of that card are {', '.join(there)} in this run, "
        f"and {other} is another one"
    )


def test_a_worker_that_its_card_has_no_memory_for_is_refused(
    prepared: PreparedRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = replace(CARD, memory_total=1 << 30)
    monkeypatch.setattr(module, "preflight", found(small))
    there = [SelectedDevice.of(small, "cuda:0")]
    with pytest.raises(UserError, match=r"each of its 2 workers needs .*: choose 1 worker at most"):
        new_device(prepared, "cuda:0/1", there)


def test_on_a_cluster_workers_join_by_themselves(prepared: PreparedRun) -> None:
    request = ClusterRequest(scheduler="tcp://head:8786")
    far = replace(prepared, settings=replace(prepared.settings, cluster=request))
    with pytest.raises(UserError, match="start a worker on the cluster, and it joins"):
        new_device(far, "cuda:1", prepared.devices)
