"""A file's vectors from earlier attempts and from the model: complete, in place, never mixed."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tui_balancer.inputs.records import ProteinRecord, ReadingRules
from tui_balancer.outputs.partials import KeptBatch, PartialResult
from tui_balancer.representations import Representations
from tui_balancer.workers.task.oom import EmbeddedBatch
from tui_balancer.workers.vectors.vectors import UnitVectors

WIDTH = 3
LENGTHS = {"a": 4, "b": 9, "c": 6, "d": 9, "e": 2}
RECORDS = [ProteinRecord(name, name.upper() * length, length) for name, length in LENGTHS.items()]
"""In batches of at most 22 tokens: b and d, c and a, e."""

ALL = range(len(RECORDS))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a_ESM.pt.partial"


KEPT = Representations.mean(2, WIDTH)


def unit_vectors(
    path: Path, records: Sequence[ProteinRecord] = RECORDS, **others: Any
) -> UnitVectors:
    given: dict[str, Any] = {"kept": KEPT, "rules": ReadingRules(), **others}
    return UnitVectors(records, batch_tokens=22, partial=PartialResult(path, {}), **given)


def embedded(vectors: UnitVectors, number: int) -> EmbeddedBatch:
    """Stand for the model: a third of a sequence's length, which float32 cannot hold exactly."""
    rows = [[len(text) / 3] * WIDTH for text in vectors.texts(number)]
    return EmbeddedBatch(torch.tensor(rows))


def finish(vectors: UnitVectors) -> tuple[list[str], torch.Tensor]:
    for number in vectors.missing:
        vectors.add(number, embedded(vectors, number))
    ids, rows = vectors.content(ALL)
    return ids, torch.from_numpy(np.stack(list(rows())))


def test_vectors_come_out_in_input_order_beside_their_ids(path: Path) -> None:
    ids, rows = finish(unit_vectors(path))

    assert ids == ["a", "b", "c", "d", "e"]
    assert torch.equal(rows, torch.tensor([[n / 3] * WIDTH for n in LENGTHS.values()]))


def test_another_attempt_has_what_was_finished_and_misses_the_rest(path: Path) -> None:
    first = unit_vectors(path)
    first.add(1, embedded(first, 1))
    second = unit_vectors(path)

    assert second.restore() == [1]
    assert second.missing == (0, 2)
    assert torch.equal(finish(second)[1], finish(unit_vectors(path))[1])


def test_attempt_after_attempt_adds_to_what_is_kept(path: Path) -> None:
    for number in (2, 0):
        attempt = unit_vectors(path)
        attempt.restore()
        attempt.add(number, embedded(attempt, number))
    last = unit_vectors(path)
    last.restore()

    assert last.missing == (1,)


def test_the_last_batch_is_not_kept_because_the_output_comes_next(path: Path) -> None:
    finish(unit_vectors(path))
    after = unit_vectors(path)
    after.restore()

    assert after.missing == (2,)


def test_a_file_of_one_batch_leaves_no_trace(path: Path) -> None:
    vectors = unit_vectors(path, RECORDS[:1])
    vectors.add(0, embedded(vectors, 0))

    assert not path.exists()


@pytest.mark.parametrize(
    "change",
    [{"number": 1}, {"number": 7}, {"ids": ("d", "b")}, {"ids": ("b",)}, {"vectors": bytes(20)}],
    ids=str,
)
def test_a_kept_batch_that_is_none_of_the_files_is_computed_again(
    path: Path, change: dict[str, object]
) -> None:
    good = KeptBatch(0, ("b", "d"), bytes(2 * WIDTH * 4))
    PartialResult(path, {}).keep(replace(good, **change))  # type: ignore[arg-type]
    vectors = unit_vectors(path)

    assert vectors.restore() == []
    assert vectors.missing == (0, 1, 2)


def test_a_batch_kept_twice_counts_once(path: Path) -> None:
    partial = PartialResult(path, {})
    for _ in range(2):
        partial.keep(KeptBatch(0, ("b", "d"), bytes(2 * WIDTH * 4), split=True))
    vectors = unit_vectors(path)

    assert vectors.restore() == [0]
    assert vectors.split_batches(ALL) == 1


def test_a_batch_of_which_a_sequence_failed_is_tried_again_by_another_attempt(path: Path) -> None:
    first = unit_vectors(path)
    first.add(0, EmbeddedBatch(torch.ones(1, WIDTH), failed=(0,), split=True))
    assert first.failed_ids(ALL) == ["b"]
    assert first.split_batches(ALL) == 1
    ids, rows = finish(first)
    assert ids == ["a", "c", "d", "e"]
    assert torch.equal(rows[2], torch.ones(WIDTH))

    second = unit_vectors(path)
    second.restore()
    assert 0 in second.missing


def test_that_a_batch_was_split_is_remembered(path: Path) -> None:
    first = unit_vectors(path)
    first.add(0, replace(embedded(first, 0), split=True))
    second = unit_vectors(path)
    second.restore()

    assert second.split_batches(ALL) == 1


def test_what_nobody_needs_is_computed_only_where_it_shares_a_batch(path: Path) -> None:
    vectors = unit_vectors(path, unwanted={0, 1, 3})
    assert vectors.missing == (1, 2)
    assert vectors.texts(1) == ["C" * 6, "A" * 4]
    assert [record.id for record in vectors.wanted(1)] == ["c"]

    vectors.give_up({4})
    assert vectors.missing == (1,)


def test_a_batch_of_failures_only_leaves_the_others(path: Path) -> None:
    vectors = unit_vectors(path)
    vectors.add(0, EmbeddedBatch(torch.empty(0, 0), failed=(0, 1), split=True))

    assert vectors.failed_ids(ALL) == ["b", "d"]
    assert finish(vectors)[0] == ["a", "c", "e"]


def test_where_nothing_can_be_kept_the_file_goes_on_and_says_so_once(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path.mkdir()
    vectors = unit_vectors(path)
    with caplog.at_level(logging.WARNING):
        assert vectors.restore() == []
        ids, _ = finish(vectors)

    assert len(ids) == len(RECORDS)
    assert [record.message.split(":")[0] for record in caplog.records] == [
        "finished batches of earlier attempts are unreadable",
        "finished batches are not kept",
    ]
