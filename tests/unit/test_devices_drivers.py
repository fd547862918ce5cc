"""A GPU is possible where a driver has made its node, and only there."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tui_balancer.devices.drivers import may_have_gpus


@pytest.mark.parametrize(
    ("node", "possible"),
    [("nvidiactl", True), ("nvidia0", True), ("kfd", True), ("dxg", True), ("nvme0", False)],
)
def test_a_drivers_node_tells(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, node: str, possible: bool
) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    assert not may_have_gpus(tmp_path)
    (tmp_path / node).touch()
    assert may_have_gpus(tmp_path) is possible


def test_elsewhere_than_on_linux_only_torch_knows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    assert may_have_gpus(tmp_path)
