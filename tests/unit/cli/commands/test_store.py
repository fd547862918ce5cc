"""The command `store`: what it prints, its exit codes, and its refusals."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import numpy as np
import pytest

from tests.json_tables import STORED, rows
from tests.manual import STORE_PAGE, with_fields
from tui_balancer.cli.commands.store import StoreAction, store
from tui_balancer.errors import UserError
from tui_balancer.store.vector_store import VectorStore, sequence_key, space_of


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    opened = VectorStore.create(tmp_path / "store")
    opened.put(
        (space_of(model=model), sequence_key(text), np.ones(4, np.float32))
        for model in ("A", "B")
        for text in (b"M", b"MA")
    )
    opened.close()
    return tmp_path / "store"


def damage(folder: Path) -> None:
    with sqlite3.connect(folder / "vectors.sqlite") as database:
        database.execute("UPDATE vectors SET vector = x'00' WHERE id = 3")


def test_it_counts_checks_and_prunes(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert store("stats", folder) == 0
    assert capsys.readouterr().out.splitlines()[1].startswith("  A: 2 vectors, 32B, stored ")
    assert store("verify", folder) == 0
    damage(folder)
    assert store("verify", folder) == 1
    lines = ["4 vectors verified, 0 damaged", "4 vectors verified, 1 damaged"]
    assert capsys.readouterr().out.splitlines() == lines
    assert store("prune", folder, damaged=True) == 0
    assert store("prune", folder, model="A") == 0
    lines = ["1 vectors removed, 3 left", "2 vectors removed, 1 left"]
    assert capsys.readouterr().out.splitlines() == lines
    assert store("stats", folder) == 0
    assert "1 damaged vectors were found" in capsys.readouterr().out


def test_json_has_the_fields_of_the_manual(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    printed = {}
    actions: tuple[StoreAction, ...] = ("stats", "verify", "prune")
    for action in actions:
        store(action, folder, json=True, keep="1GB" if action == "prune" else None)
        printed[f"store {action} --json"] = set(json.loads(capsys.readouterr().out))
    for name, kind in STORED.items():
        told = {path for path, _, _ in rows(kind)}
        assert printed[name] == {path for path in told if "." not in path}
        assert [path for path, _, about in rows(kind) if not about] == []
    text = STORE_PAGE.read_text()
    assert with_fields(text, STORED) == text, "run: python -m tests.manual"


def test_what_makes_no_sense_is_refused(folder: Path, tmp_path: Path) -> None:
    for message, ask in (
        ("prune has nothing to remove", lambda: store("prune", folder)),
        ("do not belong to stats", lambda: store("stats", folder, damaged=True)),
        ("--keep much is not a size", lambda: store("prune", folder, keep="much")),
        ("no vectors of C in the store: it has A, B", lambda: store("prune", folder, model="C")),
        ("contains no store", lambda: store("stats", tmp_path)),
    ):
        with pytest.raises(UserError, match=message):
            ask()
