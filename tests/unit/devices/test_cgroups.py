"""Limits of control groups, as files lie in the kernel's tree."""

from __future__ import annotations

from pathlib import Path

import pytest

from tui_balancer.devices.cgroups import cpu_quota, memory_limit


@pytest.fixture
def membership(tmp_path: Path) -> Path:
    path = tmp_path / "cgroup"
    path.write_text("0::/batch/job_7\n")
    return path


def put(root: Path, name: str, text: str) -> None:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text + "\n")


def test_the_tightest_limit_on_the_way_up_holds(tmp_path: Path, membership: Path) -> None:
    put(tmp_path, "batch/job_7/cpu.max", "max 100000")
    put(tmp_path, "batch/cpu.max", "250000 100000")
    put(tmp_path, "cpu.max", "800000 100000")
    put(tmp_path, "batch/job_7/memory.max", "4096")
    put(tmp_path, "batch/memory.max", "8192")

    assert cpu_quota(tmp_path, membership) == 2.5
    assert memory_limit(tmp_path, membership) == 4096


def test_another_groups_limit_does_not_hold(tmp_path: Path, membership: Path) -> None:
    put(tmp_path, "batch/job_8/cpu.max", "100000 100000")
    put(tmp_path, "batch/job_8/memory.max", "4096")

    assert cpu_quota(tmp_path, membership) is None
    assert memory_limit(tmp_path, membership) is None


def test_a_container_that_sees_its_group_as_the_root_is_limited_by_it(
    tmp_path: Path, membership: Path
) -> None:
    membership.write_text("0::/../../outside\n")
    put(tmp_path, "cpu.max", "400000 100000")
    put(tmp_path, "memory.max", "1024")

    assert cpu_quota(tmp_path, membership) == 4
    assert memory_limit(tmp_path, membership) == 1024


def test_version_one_has_a_tree_for_each_controller(tmp_path: Path, membership: Path) -> None:
    membership.write_text("9:name=systemd:/\n4:memory:/job\n3:cpu,cpuacct:/job\n0::/\n")
    put(tmp_path, "cpu,cpuacct/job/cpu.cfs_quota_us", "150000")
    put(tmp_path, "cpu,cpuacct/job/cpu.cfs_period_us", "100000")
    put(tmp_path, "memory/job/memory.limit_in_bytes", "2048")

    assert cpu_quota(tmp_path, membership) == 1.5
    assert memory_limit(tmp_path, membership) == 2048


def test_version_one_spells_no_limit_as_minus_one(tmp_path: Path, membership: Path) -> None:
    membership.write_text("3:cpu,cpuacct:/\n")
    put(tmp_path, "cpu,cpuacct/cpu.cfs_quota_us", "-1")
    put(tmp_path, "cpu,cpuacct/cpu.cfs_period_us", "100000")

    assert cpu_quota(tmp_path, membership) is None


def test_a_machine_without_control_groups_has_no_limit(tmp_path: Path) -> None:
    assert cpu_quota(tmp_path, tmp_path / "missing") is None
    assert memory_limit(tmp_path, tmp_path / "missing") is None
