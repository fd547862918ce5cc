"""Several workers on one card: their names, and what each has of its memory. No torch here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import groupby
from typing import Final

from tui_balancer.device_names import device_name
from tui_balancer.devices.selection import SelectedDevice

CONTEXT_BYTES: Final = 600 << 20
"""Assumed bytes of a card that a process takes before any tensor: CUDA's context, and kernels."""


def with_workers(
    devices: Sequence[SelectedDevice], workers: Callable[[SelectedDevice], int]
) -> tuple[SelectedDevice, ...]:
    """Return devices with so many workers for each card.

    A card with one worker keeps its name, `cuda:0`; of several each has its own, `cuda:0/0`. What a
    person named as a worker of a card stays one worker.

    Args:
        devices: The devices; those of one card follow each other.
        workers: Returns the number of workers of a card.
    """
    shared: list[SelectedDevice] = []
    for card, members in groupby(devices, key=lambda one: device_name(one.device).card):
        first, *others = members
        names = [device_name(one.device) for one in (first, *others)]
        slots = {name.slot for name in names if name.slot is not None}
        if len(slots) < len(names) and first.kind == "cuda":
            slots |= set(range(workers(first)))
        if first.device == card and not others and len(slots) < 2:
            shared.append(first)
        else:
            shared += [replace(first, device=f"{card}/{slot}") for slot in sorted(slots)]
    return tuple(shared)


def memory_share(memory_total: int | None, workers: int) -> float:
    """Return how much of a card's memory each of its workers may fill with tensors, in (0, 1].

    Args:
        memory_total: Bytes of the card; None where unknown.
        workers: Number of its workers.
    """
    if workers == 1 or not memory_total:
        return 1.0 / workers
    return max(1, memory_total // workers - CONTEXT_BYTES) / memory_total
