"""Runs that share a store: what one has embedded costs the next nothing, and no byte changes."""

from __future__ import annotations

import os
import random
import shutil
import signal
import sqlite3
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from tests.support.sessions import finished, held, outputs, session
from tui_balancer.outputs import virnucpro
from tui_balancer.settings import StoreSettings
from tui_balancer.store.maintenance import stats, verify
from tui_balancer.store.vector_store import STORE_NAME, VectorStore

pytestmark = pytest.mark.usefixtures("preloaded")

FILES = 4
EACH = 30


def some(dice: random.Random, count: int) -> list[str]:
    return ["".join(dice.choices("LAGVSERT", k=dice.randint(20, 90))) for _ in range(count)]


@pytest.fixture
def proteins(tmp_path: Path) -> Path:
    """Files of which each has a third of its sequences from the one before."""
    dice, before = random.Random(7), list[str]()
    (tmp_path / "in").mkdir()
    for number in range(FILES):
        found = [*before[:10], *some(dice, EACH - len(before[:10]))]
        write(tmp_path / "in" / f"{number}.faa", found)
        before = found[::-1]
    return tmp_path / "in"


def write(path: Path, sequences: list[str]) -> None:
    path.write_text("".join(f">p{n}\n{one}\n" for n, one in enumerate(sequences)))


def run(proteins: Path, checkpoint: Path, folder: Path, **settings: Any) -> tuple[int, int]:
    """Run to the end; return the numbers of sequences written, and from the store."""
    one = session(proteins, checkpoint, folder, **settings)
    one.start()
    summary = finished(one)
    assert summary.done == len(list(proteins.iterdir())), summary
    return summary.sequences, summary.from_store


def numbers(folder: Path) -> npt.NDArray[np.float32]:
    """Return the vectors of all outputs."""
    paths = sorted(folder.rglob("*_ESM.pt"))
    return np.stack([row for path in paths for row in virnucpro.read(path).vectors()])


def counted(folder: Path) -> list[object]:
    """Return how many sequences of each output came from the store, by its metadata."""
    paths = sorted(folder.rglob("*_ESM.pt"))
    return [virnucpro.read(path).metadata.get("from_store") for path in paths]


def test_a_second_run_embeds_nothing_and_writes_the_same_vectors(
    proteins: Path, checkpoint: Path, tmp_path: Path
) -> None:
    store = StoreSettings(str(tmp_path / "store"))
    run(proteins, checkpoint, tmp_path / "without")
    assert run(proteins, checkpoint, tmp_path / "first", store=store) == (FILES * EACH, 0)
    assert outputs(tmp_path / "first") == outputs(tmp_path / "without"), "not to the last byte"
    assert run(proteins, checkpoint, tmp_path / "second", store=store) == (
        FILES * EACH,
        FILES * EACH,
    )
    first, second = numbers(tmp_path / "first"), numbers(tmp_path / "second")
    assert first.tobytes() == second.tobytes()
    assert counted(tmp_path / "second") == [EACH] * FILES
    opened = VectorStore.open(tmp_path / "store")
    assert (verify(opened).clean, stats(opened).vectors) == (True, FILES * EACH - 3 * 10)


def test_a_worker_killed_with_half_of_its_vectors_in_the_store_changes_no_byte(
    proteins: Path, checkpoint: Path, tmp_path: Path
) -> None:
    dice = random.Random(8)
    store = StoreSettings(str(tmp_path / "store"))
    run(proteins, checkpoint, tmp_path / "first", store=store)
    shutil.copytree(tmp_path / "store", tmp_path / "again")
    for path in proteins.iterdir():
        known = path.read_text().splitlines()[1::2]
        write(path, [*known[:15], *some(dice, 30)])
    assert run(proteins, checkpoint, tmp_path / "quiet", store=store) == (FILES * 45, FILES * 15)
    struck = session(
        proteins, checkpoint, tmp_path / "struck", store=StoreSettings(str(tmp_path / "again"))
    )
    struck.start()
    with held(struck) as row:
        os.kill(struck.engine.pids()[row.device], signal.SIGKILL)
    assert finished(struck).done == FILES
    assert outputs(tmp_path / "struck") == outputs(tmp_path / "quiet")
    assert verify(VectorStore.open(tmp_path / "again")).clean


def test_a_damaged_vector_is_computed_again(
    proteins: Path, checkpoint: Path, tmp_path: Path
) -> None:
    store = StoreSettings(str(tmp_path / "store"))
    run(proteins, checkpoint, tmp_path / "first", store=store)
    with sqlite3.connect(tmp_path / "store" / STORE_NAME) as database:
        database.execute("UPDATE vectors SET vector = zeroblob(length(vector)) WHERE id % 9 = 1")
    (damaged,) = database.execute("SELECT count(*) FROM vectors WHERE id % 9 = 1").fetchone()
    run(proteins, checkpoint, tmp_path / "second", store=store)
    first, second = numbers(tmp_path / "first"), numbers(tmp_path / "second")
    # In other batches: the last bits may differ.
    np.testing.assert_allclose(first, second, rtol=1e-4, atol=1e-5)
    opened = VectorStore.open(tmp_path / "store")
    assert (verify(opened).clean, stats(opened).damaged) == (True, damaged)
