"""Whether there could be a GPU at all, told without torch and its seconds of loading."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from itertools import takewhile
from pathlib import Path

from tui_balancer.devices.info import VISIBLE_DEVICES
from tui_balancer.formatting import plural

_NODES = ("nvidia*", "nvhost*", "nvmap", "dxg", "kfd")
"""What the drivers of NVIDIA's cards, of its boards, of Windows' Linux and of AMD's cards make."""

_NO_CARDS = ("none", "void", "NoDevFiles")
"""What container runtimes and batch systems write where there are none."""


def may_have_gpus(devices: Path = Path("/dev")) -> bool:
    """Whether a GPU that torch could use may be here; a CUDA or ROCm process needs such a node."""
    if sys.platform != "linux":
        return True
    return any(True for pattern in _NODES for _ in devices.glob(pattern))


def missing_cards(environment: Mapping[str, str], found: int) -> str:
    """Return a line if the environment names more cards than torch finds; empty otherwise.

    An empty value or a negative number hides cards on purpose, with all that are named after it.

    Args:
        environment: Environment variables.
        found: CUDA devices.
    """
    text = environment.get(VISIBLE_DEVICES, "")
    words = [word.strip() for word in text.split(",")]
    named = list(takewhile(lambda word: word and not word.startswith("-"), words))
    if len(named) <= found or named[0] in _NO_CARDS:
        return ""
    there = f"finds {plural(found, 'device')}" if found else "finds none of them"
    return (
        f"{VISIBLE_DEVICES}={text} names {plural(len(named), 'device')}, and torch {there}. "
        "Correct it, or unset it to use all cards"
    )
