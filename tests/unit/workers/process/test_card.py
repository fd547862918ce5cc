"""Which card a process uses and how much of it; CUDA is replaced at its boundary."""

from __future__ import annotations

import pytest
import torch

from tui_balancer.workers.process.card import leave_device, use_device


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[tuple[object, ...]]:
    """What torch is told, in order."""
    told: list[tuple[object, ...]] = []
    monkeypatch.setattr(torch.cuda, "set_device", lambda device: told.append((device,)))
    monkeypatch.setattr(
        torch.cuda,
        "set_per_process_memory_fraction",
        lambda share, device: told.append((device, share)),
    )
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: told.append(("emptied",)))
    return told


def test_a_worker_keeps_to_its_share_of_its_card_until_it_leaves(
    calls: list[tuple[object, ...]],
) -> None:
    use_device("cuda:1", 0.25)
    leave_device("cuda:1", 0.25)
    assert calls == [("cuda:1",), ("cuda:1", 0.25), ("emptied",), ("cuda:1", 1.0)]


def test_a_worker_alone_is_not_limited(calls: list[tuple[object, ...]]) -> None:
    use_device("cuda:1", 1.0)
    leave_device("cuda:1", 1.0)
    assert calls == [("cuda:1",), ("emptied",)]


@pytest.mark.parametrize("device", ["cpu:0", "mps"])
def test_other_devices_are_no_cards(calls: list[tuple[object, ...]], device: str) -> None:
    use_device(device)
    assert calls == []
