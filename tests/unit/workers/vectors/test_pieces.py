"""Copies, windows and large rows of one unit, from its records to what its outputs get."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tui_balancer.inputs.records import ProteinRecord, ReadingRules
from tui_balancer.inputs.windows import windows
from tui_balancer.outputs.content import Row
from tui_balancer.outputs.partials import PartialResult
from tui_balancer.representations import Representations
from tui_balancer.workers.task.oom import EmbeddedBatch
from tui_balancer.workers.vectors.batch_plan import first_batch
from tui_balancer.workers.vectors.pieces import UnitPieces
from tui_balancer.workers.vectors.row_store import joined_row
from tui_balancer.workers.vectors.vectors import UnitVectors

WINDOWS = ReadingRules(max_length=4, long="window")
MEAN = Representations.mean(2, 3)
TOKENS = Representations.named((1, 2), ("mean", "per_tok"), 3)


def records(**residues: str) -> list[ProteinRecord]:
    return [ProteinRecord(name, text, len(text)) for name, text in residues.items()]


def computed(kept: Representations, texts: Sequence[str]) -> torch.Tensor:
    """Stand for the model: numbers that tell letters and places."""
    rows = []
    for text in texts:
        states = np.array([[ord(letter), place, 1] for place, letter in enumerate(text)])
        for part in kept.parts(len(text)):
            values = states / 3 + part.layer
            rows.append((values.mean(0) if part.kind.fixed else values).reshape(-1))
    return torch.from_numpy(np.concatenate(rows).astype(np.float32))


def unit(path: Path, found: list[ProteinRecord], **given: Any) -> UnitVectors:
    usual: dict[str, Any] = {"kept": MEAN, "rules": ReadingRules(), "batch_tokens": 12}
    return UnitVectors(found, partial=PartialResult(path, {}), **(usual | given))


def finish(vectors: UnitVectors, kept: Representations) -> list[list[str]]:
    """Compute what is missing, and return the batches."""
    batches = []
    for number in vectors.missing:
        batches.append(vectors.texts(number))
        vectors.add(number, EmbeddedBatch(computed(kept, batches[-1])))
    return batches


def rows_of(vectors: UnitVectors, count: int) -> list[Row]:
    _, rows = vectors.content(range(count))
    return list(rows())


def test_a_copy_is_not_computed_and_has_the_same_row(tmp_path: Path) -> None:
    found = records(a="MKV", b="MW", c="MKV", d="MKV")
    vectors = unit(tmp_path / "p", found)
    assert finish(vectors, MEAN) == [["MKV", "MW"]]
    a, b, c, d = rows_of(vectors, 4)
    assert np.array_equal(a, c)
    assert np.array_equal(a, d)
    assert not np.array_equal(a, b)


def test_a_copy_that_nobody_wants_leaves_the_other_wanted(tmp_path: Path) -> None:
    vectors = unit(tmp_path / "p", records(a="MKV", b="MKV", c="MW"), unwanted={0, 2})
    assert [one.id for one in vectors.wanted(0)] == ["b"]
    vectors.give_up({1})
    assert vectors.complete


def test_every_copy_of_what_did_not_fit_has_failed(tmp_path: Path) -> None:
    vectors = unit(tmp_path / "p", records(a="MKV", b="MKV", c="MW"))
    vectors.add(0, EmbeddedBatch(computed(MEAN, ["MW"]), failed=(0,), split=True))
    assert vectors.failed_ids(range(3)) == ["a", "b"]
    assert vectors.content(range(3))[0] == ["c"]
    assert vectors.split_batches(range(1)) == 1


def test_copies_count_with_the_batch_that_has_them(tmp_path: Path) -> None:
    vectors = unit(tmp_path / "p", records(a="MKVLAAGIT", b="MW", c="MKVLAAGIT"))
    assert [[one.id for one in vectors.wanted(number)] for number in (0, 1)] == [["a", "c"], ["b"]]


def test_windows_are_pieces_and_the_same_window_is_one(tmp_path: Path) -> None:
    found = records(long="MKVLMKVL", short="MKVL")
    pieces = UnitPieces(found, WINDOWS, dereplicate=True)
    texts = ["MKVL", *(("MKVLMKVL"[start:end]) for start, end in windows(8, 4)[1:-1])]
    assert pieces.texts == texts
    assert pieces.rows(0) == (0, *range(1, len(texts)), 0)
    assert list(pieces.users(0)) == [0, 1]
    assert list(pieces.begun_by(1)) == []
    every = UnitPieces(found, WINDOWS, dereplicate=False)
    assert len(every) == len(windows(8, 4)) + 1


@pytest.mark.parametrize("kept", [MEAN, TOKENS], ids=["mean", "mean,per_tok"])
def test_what_windows_give_is_put_together(kept: Representations, tmp_path: Path) -> None:
    vectors = unit(tmp_path / "p", records(a="MW", b="ACDEFGHIKL"), rules=WINDOWS, kept=kept)
    finish(vectors, kept)
    places = windows(10, 4)
    pieces = [computed(kept, ["ACDEFGHIKL"[start:end]]).numpy() for start, end in places]
    expected = joined_row(kept, 10, places, pieces)
    assert np.array_equal(rows_of(vectors, 2)[1], expected)


def test_a_mean_over_windows_weighs_them_by_their_residues() -> None:
    kept = Representations.named((2,), ("mean", "bos"), 1)
    rows = [np.array([1.0, 10.0], np.float32), np.array([4.0, 20.0], np.float32)]
    result = joined_row(kept, 5, [(0, 4), (3, 5)], rows)
    assert result.tolist() == [2.0, pytest.approx(40 / 3)]
    assert result.dtype == np.float32


def test_a_residue_in_two_windows_is_the_mean_of_both() -> None:
    kept = Representations.named((2,), ("per_tok",), 1)
    rows = [np.array([1, 2, 3, 4], np.float32), np.array([8, 9], np.float32)]
    assert joined_row(kept, 5, [(0, 4), (3, 5)], rows).tolist() == [1, 2, 3, 6, 9]


def test_rows_that_grow_with_the_sequence_lie_on_the_disk(tmp_path: Path) -> None:
    path, found = tmp_path / "p", records(a="MKVLA", b="MW", c="MKVLA", d="MWYKVLA")
    vectors = unit(path, found, kept=TOKENS)
    batches = finish(vectors, TOKENS)
    numbers = sum(TOKENS.numbers(len(text)) for batch in batches for text in batch)
    assert path.stat().st_size > 4 * numbers
    for row, record in zip(rows_of(vectors, 4), found, strict=True):
        assert np.array_equal(row, computed(TOKENS, [record.residues]).numpy())
    # Another attempt reads them where they are.
    other = unit(tmp_path / "q", found, kept=TOKENS)
    assert sorted(other.restore([PartialResult(path, {})])) == list(range(len(batches)))
    assert all(map(np.array_equal, rows_of(other, 4), rows_of(vectors, 4)))
    path.write_bytes(path.read_bytes()[:-4])
    with pytest.raises(OSError, match="was cut short"):
        rows_of(other, 4)


def test_large_rows_that_cannot_be_kept_are_an_error(tmp_path: Path) -> None:
    (tmp_path / "p").mkdir()
    vectors = unit(tmp_path / "p", records(a="MKV"), kept=TOKENS)
    with pytest.raises(OSError, match="directory"):
        finish(vectors, TOKENS)


@pytest.mark.parametrize("kinds", [("mean",), ("per_tok",)])
def test_the_batch_that_a_unit_begins_with_is_known_beforehand(
    kinds: tuple[str, ...], tmp_path: Path
) -> None:
    found = records(a="MW", b="MKVLAAG", c="MKVLAAG")
    kept = Representations.named((2,), kinds, 3)
    vectors = unit(tmp_path / "p", found, kept=kept, rules=WINDOWS)
    assert first_batch(found, WINDOWS, 12) == (vectors.texts(0),)
