"""The processor as a device: what it is called, and how much of it there is."""

from __future__ import annotations

import os
from pathlib import Path

import psutil
import pytest

from tui_balancer.devices import cgroups, processor


def test_the_name_is_the_one_in_cpuinfo(tmp_path: Path) -> None:
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text("processor\t: 0\nmodel name\t: Intel(R)  Xeon(R) CPU\ncpu MHz\t: 2000\n")

    assert processor.processor_name(cpuinfo) == "Intel(R) Xeon(R) CPU"


def test_without_cpuinfo_the_platform_has_a_name(tmp_path: Path) -> None:
    assert processor.processor_name(tmp_path / "missing")


@pytest.mark.parametrize(
    ("affinity", "quota", "cores"),
    [(8, None, 8), (8, 2.5, 2), (8, 0.5, 1), (2, 16.0, 2)],
)
def test_affinity_and_quota_bound_the_cores(
    monkeypatch: pytest.MonkeyPatch, affinity: int, quota: float | None, cores: int
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(affinity)))
    monkeypatch.setattr(cgroups, "cpu_quota", lambda: quota)

    assert processor.usable_cores() == cores


def test_a_control_group_bounds_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cgroups, "memory_limit", lambda: 1000)

    assert processor.available_memory() == 1000
    assert processor.describe_processor().memory_total == 1000


def test_without_a_limit_the_machine_bounds_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cgroups, "memory_limit", lambda: None)

    assert processor.describe_processor().memory_total == psutil.virtual_memory().total
