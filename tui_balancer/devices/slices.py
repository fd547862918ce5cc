"""Slices of cards in MIG mode. A process sees one slice at most, so torch cannot list them.

Each worker gets its slice's UUID, which CUDA must find in `CUDA_VISIBLE_DEVICES` when it
begins; to the worker its slice is the only card there is.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import suppress

import pynvml

from tui_balancer.devices.info import VISIBLE_DEVICES, DeviceInfo


def sliced_cards(environment: Mapping[str, str] = os.environ) -> tuple[DeviceInfo, ...]:
    """Return every slice and every whole card, as `cuda:0`, `cuda:1` …; none without slices.

    Of the cards and slices that `CUDA_VISIBLE_DEVICES` names, if it is set.
    """
    try:
        pynvml.nvmlInit()
        found = list(_cards())
    except pynvml.NVMLError:
        return ()
    if not any(card.uuid and card.uuid.startswith("MIG") for _, _, card in found):
        return ()
    chosen = [card for index, parent, card in found if _visible(environment, index, parent, card)]
    return tuple(
        DeviceInfo(
            f"cuda:{number}",
            card.name,
            card.memory_total,
            card.uuid,
            card.capability,
            visible=card.uuid or "",
        )
        for number, card in enumerate(chosen)
    )


def _cards() -> Iterator[tuple[int, str, DeviceInfo]]:
    """Yield number and UUID of each card with the card, or with each of its slices."""
    for index in range(pynvml.nvmlDeviceGetCount()):
        card = pynvml.nvmlDeviceGetHandleByIndex(index)
        uuid = pynvml.nvmlDeviceGetUUID(card)
        capability = tuple(pynvml.nvmlDeviceGetCudaComputeCapability(card))
        for one in _slices(card) if _is_sliced(card) else (card,):
            yield (
                index,
                uuid,
                DeviceInfo(
                    "",
                    pynvml.nvmlDeviceGetName(one),
                    int(pynvml.nvmlDeviceGetMemoryInfo(one).total),
                    pynvml.nvmlDeviceGetUUID(one),
                    (capability[0], capability[1]),
                ),
            )


def _is_sliced(card: object) -> bool:
    """Whether a card is in MIG mode; most cannot be."""
    with suppress(pynvml.NVMLError):
        current, _ = pynvml.nvmlDeviceGetMigMode(card)
        return bool(current == pynvml.NVML_DEVICE_MIG_ENABLE)
    return False


def _slices(card: object) -> Iterator[object]:
    for index in range(pynvml.nvmlDeviceGetMaxMigDeviceCount(card)):
        # The places of slices that were not made are empty.
        with suppress(pynvml.NVMLError_NotFound, pynvml.NVMLError_InvalidArgument):
            yield pynvml.nvmlDeviceGetMigDeviceHandleByIndex(card, index)


def _visible(environment: Mapping[str, str], index: int, parent: str, card: DeviceInfo) -> bool:
    """Whether the person left a card or a slice visible: by number, or the beginning of a UUID."""
    named = environment.get(VISIBLE_DEVICES)
    if named is None:
        return True
    words = [word.strip() for word in named.split(",")]
    return any(
        word == str(index)
        or (word and (parent.startswith(word) or str(card.uuid).startswith(word)))
        for word in words
    )
