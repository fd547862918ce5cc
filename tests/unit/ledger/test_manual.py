"""What the manual says of the ledger is so."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.ledger_story import FILES, RUN, SESSION, STORY
from tui_balancer.ledger.writing import Ledger
from tui_balancer.manual.pages import page

MANUAL = page("ledger")
QUERIES = re.findall(r'^sqlite3 embeddings/ledger.sqlite "([^"]+)"', MANUAL, re.MULTILINE)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The ledger of a run that is told in `ledger_story`."""
    ledger = Ledger.create(tmp_path / "ledger.sqlite", RUN, SESSION)
    ledger.record_scan(FILES, at=1002.0)
    for event, changes in STORY:
        ledger.append(event, *changes)
    ledger.close()
    return ledger.path


def test_every_table_is_told_of_with_all_its_columns(path: Path) -> None:
    rows = re.findall(r"^\| `(\w+)` \| [^|]+ \| (.+) \|$", MANUAL, re.MULTILINE)
    told = {table: sorted(re.findall(r"`(\w+)`", columns)) for table, columns in rows}
    with closing(sqlite3.connect(path)) as database:
        tables = database.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        there = {
            table: sorted(row[1] for row in database.execute(f"PRAGMA table_info({table})"))
            for (table,) in tables
        }
    assert {table: told[table] for table in there} == there


def test_the_queries_answer_what_they_are_said_to(path: Path) -> None:
    with closing(sqlite3.connect(path)) as database:
        states, wrong, devices = (database.execute(query).fetchall() for query in QUERIES)
    assert states == [("done", 2, 6), ("failed", 2, 6), ("leased", 1, 3)]
    assert {row[0] for row in wrong} == {"sub/f1.fasta", "sub/f2.fasta", "sub/f4.fasta"}
    assert devices == [
        ("cpu:0", None, 1, None),
        ("cpu:0", "done", 2, 2.0),
        ("cpu:1", "worker died", 1, 1.0),
    ]
