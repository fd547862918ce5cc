"""A GPU is possible where a driver has made its node, and only there."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.support.commands import tui_balancer_here
from tui_balancer.devices.drivers import may_have_gpus, missing_cards


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


@pytest.mark.parametrize("hidden", [None, "", "-1", "-1,0", "NoDevFiles", "none", "0", "0,-1,1"])
def test_cards_that_are_hidden_on_purpose_or_there_are_not_told_of(hidden: str | None) -> None:
    assert missing_cards({} if hidden is None else {"CUDA_VISIBLE_DEVICES": hidden}, 1) == ""


@pytest.mark.parametrize(
    ("named", "found", "words"),
    [
        ("7", 0, "=7 names 1 device, and torch finds none of them."),
        ("0, 9", 1, "=0, 9 names 2 devices, and torch finds 1 device."),
        ("GPU-0123abcd", 0, "=GPU-0123abcd names 1 device, and torch finds none of them."),
    ],
)
def test_a_card_that_does_not_exist_is_told_of(named: str, found: int, words: str) -> None:
    assert words in missing_cards({"CUDA_VISIBLE_DEVICES": named}, found)


def test_the_cpu_is_not_taken_in_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "99")
    shown = " ".join(tui_balancer_here("devices").stdout.split())
    assert "warning CUDA_VISIBLE_DEVICES=99 names 1 device, and torch finds none of them." in shown
    asked = tui_balancer_here("devices", "--devices", "cpu").stdout
    assert "CUDA_VISIBLE_DEVICES" not in asked
