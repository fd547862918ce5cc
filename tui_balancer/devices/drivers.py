"""Whether there could be a GPU at all, told without torch and its seconds of loading."""

from __future__ import annotations

import sys
from pathlib import Path

_NODES = ("nvidia*", "nvhost*", "nvmap", "dxg", "kfd")
"""What the drivers of NVIDIA's cards, of its boards, of Windows' Linux and of AMD's cards make."""


def may_have_gpus(devices: Path = Path("/dev")) -> bool:
    """Whether a GPU that torch could use may be here; a CUDA or ROCm process needs such a node."""
    if sys.platform != "linux":
        return True
    return any(True for pattern in _NODES for _ in devices.glob(pattern))
