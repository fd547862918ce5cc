"""A batch that cannot be embedded: the file to blame fails, the others go on."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import torch

from tui_balancer.representations import Representations
from tui_balancer.workers.task.fault_isolation import embed_or_blame

KEPT = Representations.mean(layer=1, width=1)
BATCH = ["MKVLAAG", "MKVLA", "MKV", "MK"]
FIRST, SECOND, BOTH = frozenset({1}), frozenset({2}), frozenset({1, 2})


class Choosy:
    """An `embed` of width 1 that gives the lengths, and raises at one of the sequences."""

    def __init__(self, culprit: str = "", trouble: Exception | None = None) -> None:
        self._culprit = culprit
        self._trouble = trouble or ValueError("no such residue")
        self.tried: list[list[str]] = []

    def __call__(self, sequences: Sequence[str]) -> torch.Tensor:
        self.tried.append(list(sequences))
        if self._culprit in sequences:
            raise self._trouble
        return torch.tensor([[float(len(one))] for one in sequences])


def test_a_batch_without_trouble_is_computed_whole() -> None:
    embed = Choosy()
    batch, failures = embed_or_blame(embed, BATCH, [FIRST, SECOND, FIRST, SECOND], KEPT)

    assert embed.tried == [BATCH]
    assert batch.vectors.tolist() == [[7], [5], [3], [2]]
    assert (batch.failed, batch.split, failures) == ((), False, {})


def test_the_file_of_the_culprit_fails_and_the_others_keep_their_order() -> None:
    batch, failures = embed_or_blame(Choosy("MKV"), BATCH, [SECOND, BOTH, FIRST, SECOND], KEPT)

    assert batch.vectors.flatten().tolist() == [7, 5, 2]
    assert (batch.failed, batch.split) == ((2,), True)
    assert {file: str(why) for file, why in failures.items()} == {
        1: "cannot embed it: ValueError: no such residue"
    }


def test_what_several_files_have_fails_them_all() -> None:
    batch, failures = embed_or_blame(Choosy("MKV"), BATCH, [FIRST, SECOND, BOTH, BOTH], KEPT)

    assert batch.failed == (2, 3)
    assert failures.keys() == {1, 2}


def test_a_file_that_has_the_batch_alone_is_to_blame_at_once() -> None:
    embed = Choosy("MKV")
    batch, failures = embed_or_blame(embed, BATCH, [FIRST] * 4, KEPT)

    assert embed.tried == [BATCH]
    assert batch.failed == (0, 1, 2, 3)
    assert failures.keys() == {1}


def test_a_device_that_gave_up_is_nobodys_fault() -> None:
    gone = RuntimeError("CUDA error: unspecified launch failure")

    with pytest.raises(RuntimeError, match="unspecified"):
        embed_or_blame(Choosy("MKV", gone), BATCH, [FIRST, SECOND, FIRST, SECOND], KEPT)
