"""The card of this process: that it computes there, and within its share. Imports torch."""

from __future__ import annotations

import torch


def use_device(device: str, memory_share: float = 1.0) -> None:
    """Let this thread compute on a device; of a card, this process has a share of the memory.

    Args:
        device: As torch names it.
        memory_share: In (0, 1]. Beyond it the process is out of memory, whatever the card's other
            workers have left: otherwise their luck would decide whether a batch fits.
    """
    if not device.startswith("cuda"):
        return
    # Code that uses the current device must not open a context on another card.
    torch.cuda.set_device(device)
    if memory_share < 1.0:
        torch.cuda.set_per_process_memory_fraction(memory_share, device)


def leave_device(device: str, memory_share: float) -> None:
    """Give up what `use_device` took, in a process that lives on."""
    torch.cuda.empty_cache()
    if device.startswith("cuda") and memory_share < 1.0:
        torch.cuda.set_per_process_memory_fraction(1.0, device)
