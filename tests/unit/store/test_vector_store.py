"""A store of vectors: it returns what was stored, byte for byte, or nothing."""

from __future__ import annotations

import os
import signal
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui_balancer.errors import UserError
from tui_balancer.store import maintenance
from tui_balancer.store.maintenance import prune, stats, verify
from tui_balancer.store.vector_store import (
    STORE_NAME,
    Vector,
    VectorStore,
    sequence_key,
    space_of,
)

SPACES = [space_of(model=model, layer=layer) for model in ("A", "B") for layer in (0, 1)]
ALL = 1 << 62


def vector(*numbers: float) -> Vector:
    return np.array(numbers, np.float32)


def key(text: str) -> bytes:
    return sequence_key(text.encode())


def keys(*texts: str) -> list[bytes]:
    return [key(text) for text in texts]


@pytest.fixture
def store(tmp_path: Path) -> VectorStore:
    return VectorStore.create(tmp_path / "store")


def overwrite(store: VectorStore, statement: str) -> None:
    with sqlite3.connect(store.path) as connection:
        assert connection.execute(statement).rowcount == 1


entries = st.lists(
    st.tuples(
        st.sampled_from(SPACES),
        st.text("ACDE", min_size=1, max_size=3),
        st.lists(st.floats(width=32, allow_nan=False), min_size=1, max_size=4),
    ),
    max_size=20,
)


@given(batches=st.lists(entries, max_size=4), cut=st.integers(0, 4))
def test_what_a_run_reads_is_what_was_there_at_its_start_and_first(
    batches: list[list[tuple[str, str, list[float]]]], cut: int
) -> None:
    first: dict[tuple[str, str], Vector] = {}
    until = 0
    with TemporaryDirectory() as folder:
        stores = [VectorStore.create(Path(folder)) for _ in range(2)]
        for number, batch in enumerate(batches):
            stores[number % 2].put((space, key(text), vector(*of)) for space, text, of in batch)
            if number < cut:
                for space, text, of in batch:
                    first.setdefault((space, text), vector(*of))
                until = stores[0].newest()
        texts = sorted({text for batch in batches for _, text, _ in batch} | {"W"})
        for space in SPACES:
            found = stores[1].read(space, keys(*texts), until)
            there = {text: one for (of, text), one in first.items() if of == space}
            assert {name: one.tobytes() for name, one in found.items()} == {
                key(text): one.tobytes() for text, one in there.items()
            }
            assert stores[1].find(space, keys(*texts), until) == set(found)
        assert verify(stores[0]).clean
        for one in stores:
            one.close()


def test_more_keys_than_a_statement_takes_are_found(store: VectorStore) -> None:
    texts = [f"{number:b}" for number in range(1201)]
    store.put((SPACES[0], key(text), vector(n)) for n, text in enumerate(texts))
    found = store.read(SPACES[0], keys(*texts), ALL)
    assert [found[one].tolist() for one in keys(*texts)] == [[n] for n in range(1201)]


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE vectors SET vector = x'0000803f' WHERE id = 1",
        "UPDATE vectors SET vector = substr(vector, 1, 3) WHERE id = 1",
        "UPDATE vectors SET vector = CAST(x'fffefd' AS TEXT) WHERE id = 1",
        "UPDATE vectors SET key = CAST(substr(key, 2) || x'00' AS BLOB) WHERE id = 1",
        "UPDATE vectors SET checksum = x'' WHERE id = 1",
        'UPDATE spaces SET content = \'{"model": "C"}\' WHERE id = 1',
    ],
)
def test_a_damaged_vector_is_found_by_verify_and_never_read(
    store: VectorStore, damage: str
) -> None:
    store.put([(SPACES[0], key("A"), vector(2.5)), (SPACES[1], key("A"), vector(3.5))])
    overwrite(store, damage)
    assert (verify(store).damaged, verify(store).clean) == (1, False)
    spaces = [SPACES[0], space_of(model="C")]
    every = [one for (one,) in store.rows("SELECT key FROM vectors")]
    assert [store.read(space, every, ALL) for space in spaces] == [{}, {}]
    assert list(store.read(SPACES[1], keys("A"), ALL)) == keys("A")
    assert stats(store).damaged == 1
    assert verify(store).clean


def test_what_was_damaged_is_stored_again_but_not_for_a_run_that_began_before(
    store: VectorStore,
) -> None:
    store.put([(SPACES[0], key("A"), vector(1))])
    until = store.newest()
    overwrite(store, "UPDATE vectors SET vector = x'0000'")
    assert store.read(SPACES[0], keys("A"), until) == {}
    store.put([(SPACES[0], key("A"), vector(2))])
    assert store.read(SPACES[0], keys("A"), until) == {}
    (again,) = store.read(SPACES[0], keys("A"), store.newest()).values()
    assert again.tolist() == [2]


def test_a_transaction_that_fails_stores_nothing(store: VectorStore) -> None:
    def failing() -> Iterator[tuple[str, bytes, Vector]]:
        yield SPACES[0], key("A"), vector(1)
        raise OSError("gone")

    with pytest.raises(OSError, match="gone"):
        store.put(failing())
    assert store.newest() == 0
    store.put([(SPACES[0], key("B"), vector(1))])
    assert store.find(SPACES[0], keys("A", "B"), ALL) == set(keys("B"))


WRITER = """
import os, signal, sys
from pathlib import Path
import numpy as np
from tui_balancer.store.vector_store import VectorStore, sequence_key
store = VectorStore.create(Path(sys.argv[1]))
def vectors():
    for number in range(200):
        if number == 150:
            os.kill(os.getpid(), signal.SIGKILL)
        yield "{}", sequence_key(b"%d" % number), np.full(5000, number, np.float32)
store._connection.execute("PRAGMA cache_size = 4")
store.put(vectors())
"""


def test_a_writer_killed_in_a_transaction_leaves_nothing_of_it(store: VectorStore) -> None:
    store.put([("{}", sequence_key(b"0"), vector(7))])
    killed = subprocess.run([sys.executable, "-c", WRITER, str(store.path.parent)])
    assert killed.returncode == -signal.SIGKILL
    assert (store.path.parent / f"{STORE_NAME}-journal").stat().st_size, "nothing was written yet"
    assert verify(store).clean
    assert stats(store).vectors == 1


def test_prune_removes_by_age_size_and_model(
    store: VectorStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    moment = [1000.0]
    monkeypatch.setattr("time.time", lambda: moment[0])
    monkeypatch.setattr(maintenance, "_MANY", 2)
    for second, text in enumerate("ACDEF"):
        moment[0] = 1000.0 + second
        store.put((space, key(text), vector(1, 2)) for space in (SPACES[0], SPACES[2]))
    assert [(one.model, one.vectors, one.bytes) for one in stats(store).models] == [
        ("A", 5, 40),
        ("B", 5, 40),
    ]
    assert prune(store, older_seconds=3, model="A") == 2
    assert store.find(SPACES[0], keys(*"ACDEF"), ALL) == set(keys(*"DEF"))
    assert prune(store, most_bytes=30, model="B") == 2
    assert store.find(SPACES[2], keys(*"ACDEF"), ALL) == set(keys(*"DEF"))
    assert prune(store, most_bytes=8) == 5
    assert prune(store, model="B") == 1
    assert stats(store).vectors == 0
    assert verify(store).clean


def test_prune_gives_the_space_back(store: VectorStore) -> None:
    store.put(("{}", key(f"{n}"), np.zeros(5000, np.float32)) for n in range(100))
    before = store.path.stat().st_size
    prune(store, most_bytes=0)
    assert store.path.stat().st_size < before / 10


def test_a_store_follows_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o002)
    try:
        store = VectorStore.create(tmp_path / "shared")
    finally:
        os.umask(before)
    assert stat.S_IMODE(store.path.stat().st_mode) == 0o664


def test_a_folder_without_a_store_and_a_file_that_is_none_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="contains no store"):
        VectorStore.open(tmp_path)
    (tmp_path / STORE_NAME).write_text("no database" * 1000)
    for opened in (VectorStore.open, VectorStore.create):
        with pytest.raises(UserError, match="cannot be used"):
            opened(tmp_path)
