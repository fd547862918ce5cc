"""Timing what computes on a device, by turns. Imports torch."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class Block:
    """One turn of a contender.

    Attributes:
        name: The contender's.
        number: Of the turn, from 0.
        passes: How often it computed.
        seconds: Of all passes together.
    """

    name: str
    number: int
    passes: int
    seconds: float


def finish(device: torch.device) -> None:
    """Wait until a device has computed all it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def one_block(
    work: Callable[[], object], seconds: float, device: torch.device
) -> tuple[int, float]:
    """Compute for at least so long; return how often, and the seconds that took."""
    done, passed = 0, 0.0
    finish(device)
    began = time.perf_counter()
    while passed < seconds:
        work()
        finish(device)
        done += 1
        passed = time.perf_counter() - began
    return done, passed


def by_turns(
    passes: Mapping[str, Callable[[], object]],
    blocks: int,
    seconds: float,
    device: torch.device,
    on_failure: Callable[[str, Exception], None],
) -> Iterator[Block]:
    """Yield blocks as they are measured; a slow moment of the machine meets all alike.

    Args:
        passes: Computes once, for each contender, by its name.
        blocks: How many turns each has.
        seconds: Of a block, at least.
        device: Where they compute.
        on_failure: Called with a contender that fails, which has no further turn.
    """
    taking_part = dict(passes)
    for number in range(blocks):
        for name, work in list(taking_part.items()):
            try:
                yield Block(name, number, *one_block(work, seconds, device))
            except Exception as error:
                on_failure(name, error)
                del taking_part[name]
