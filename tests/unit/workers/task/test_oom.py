"""Batches that do not fit: halved, tried again alone, and only what never fits is given up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest
import torch

from tui_balancer.workers.task.oom import embed_sparingly

BATCH = ["MKVLAAG", "MKVLA", "MKV", "MK", "M"]
OUT_OF_MEMORY = [
    torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB"),
    RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
    RuntimeError("MPS backend out of memory (MPS allocated: 9.01 GB)"),
    RuntimeError("[enforce fail at alloc_cpu.cpp:124] DefaultCPUAllocator: can't allocate memory"),
    RuntimeError("could not create a primitive"),
    MemoryError(),
]


@dataclass
class Narrow:
    """An `embed` of width 1 that gives the lengths, with room for so many residues at once.

    Attributes:
        room: Residues that fit.
        trouble: Raised when they do not.
        tried: What it was called with.
        tight: Calls that fail whatever they ask for, counted down.
    """

    room: int
    trouble: Exception = field(default_factory=MemoryError)
    tried: list[list[str]] = field(default_factory=list)
    tight: int = 0

    def __call__(self, sequences: Sequence[str]) -> torch.Tensor:
        self.tried.append(list(sequences))
        self.tight -= 1
        if self.tight >= 0 or sum(map(len, sequences)) > self.room:
            raise self.trouble
        return torch.tensor([[float(len(one))] for one in sequences])


def test_a_batch_that_fits_is_computed_once_and_whole() -> None:
    embed = Narrow(room=100)
    result = embed_sparingly(embed, BATCH)

    assert embed.tried == [BATCH]
    assert result.vectors.tolist() == [[7], [5], [3], [2], [1]]
    assert (result.failed, result.split) == ((), False)


@pytest.mark.parametrize("trouble", OUT_OF_MEMORY, ids=lambda error: type(error).__name__)
def test_a_batch_that_does_not_fit_is_halved_until_it_does(trouble: Exception) -> None:
    embed = Narrow(room=8, trouble=trouble)
    result = embed_sparingly(embed, BATCH)

    assert embed.tried == [BATCH, BATCH[:2], BATCH[:1], BATCH[1:2], BATCH[2:]]
    assert result.vectors.tolist() == [[7], [5], [3], [2], [1]]
    assert (result.failed, result.split) == ((), True)


def test_only_the_sequence_that_does_not_fit_alone_fails_after_a_second_try() -> None:
    embed = Narrow(room=6)
    result = embed_sparingly(embed, BATCH)

    assert embed.tried.count(BATCH[:1]) == 2
    assert result.vectors.tolist() == [[5], [3], [2], [1]]
    assert (result.failed, result.split) == ((0,), True)


def test_a_lone_sequence_that_fits_the_second_time_is_as_good_as_undisturbed() -> None:
    embed = Narrow(room=10, tight=1)
    result = embed_sparingly(embed, BATCH[:1])

    assert result.vectors.tolist() == [[7]]
    assert (result.failed, result.split) == ((), False)


def test_all_sequences_may_fail() -> None:
    result = embed_sparingly(Narrow(room=0), BATCH)

    assert len(result.vectors) == 0
    assert result.failed == (0, 1, 2, 3, 4)


def test_other_trouble_is_none_of_its_business() -> None:
    embed = Narrow(room=0, trouble=RuntimeError("CUDA error: unspecified launch failure"))

    with pytest.raises(RuntimeError, match="unspecified"):
        embed_sparingly(embed, BATCH)
    assert embed.tried == [BATCH]


def test_what_a_failed_try_held_is_gone_before_the_next() -> None:
    alive: list[int] = []

    class Block:
        """Stands for the tensors of a forward pass."""

        def __init__(self) -> None:
            alive.append(id(self))
            # A cycle: only the collector frees it.
            self.itself = self

        def __del__(self) -> None:
            alive.remove(id(self))

    def embed(sequences: Sequence[str]) -> torch.Tensor:
        assert not alive
        if len(sequences) > 1:
            _block = Block()
            raise MemoryError
        return torch.zeros(1, 1)

    embed_sparingly(embed, BATCH[:2])
