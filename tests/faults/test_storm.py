"""A short storm, and proof that a storm would tell: each thing that must not be, made to be."""

from __future__ import annotations

import random
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psutil
import pytest

from tests.faults.storm import storm
from tests.faults.storm_findings import not_done_once
from tests.faults.storm_round import Round, Size, Stage
from tests.faults.storm_victim import Victim
from tests.support.ledger_story import RUN, SESSION, file
from tui_balancer.ledger.changes import FileDone, LeaseEnded, LeaseGranted
from tui_balancer.ledger.records import LeaseEnd
from tui_balancer.ledger.schema import LEDGER_NAME
from tui_balancer.ledger.writing import Ledger

OUTPUT = "f0_ESM.pt"


def test_a_storm_loses_nothing_repeats_nothing_and_leaves_nothing(tmp_path: Path) -> None:
    findings = storm(1, 5, tmp_path, Size(files=10, sequences=200, worker_strikes=5, app_strikes=1))
    assert findings.remarks == []
    assert findings.wrong.total() == 0
    assert findings.worker_kills.total() >= 2
    assert findings.app_kills.total() >= 1
    assert findings.done["outputs_compared"] == 2 * 10


def test_a_steered_storm_over_a_run_with_two_models_leaves_what_a_quiet_one_leaves(
    tmp_path: Path,
) -> None:
    size = Size(6, 120, worker_strikes=4, app_strikes=1, models=2, steered=True)
    findings = storm(1, 3, tmp_path, size)
    assert findings.remarks == []
    assert findings.wrong.total() == 0
    assert findings.worker_kills.total() + findings.app_kills.total() >= 2


@pytest.fixture
def over(tmp_path: Path) -> Iterator[Round]:
    """A round whose run is over: one file, done, as in the quiet run."""
    one = Round(
        Stage(tmp_path, Size(), {OUTPUT: b"vectors"}), "over", random.Random(0), preloaded=False
    )
    one.out.mkdir()
    (one.out / OUTPUT).write_bytes(b"vectors")
    ledger = Ledger.create(one.out / LEDGER_NAME, RUN, SESSION)
    ledger.record_scan([file(0, output=OUTPUT)], 1002.0)
    ledger.append(
        None,
        LeaseGranted(0, 1, "cpu:0", 1.0),
        FileDone(0, "ab" * 32, 7, 3),
        LeaseEnded(0, 1, LeaseEnd.DONE, 2.0),
    )
    ledger.close()
    one.check()
    assert one.findings.remarks == []
    yield one
    one.remove()


def test_an_output_with_other_bytes_is_noticed(over: Round) -> None:
    (over.out / OUTPUT).write_bytes(b"vectorz")
    over.check()
    assert over.findings.remarks == [f"mismatches: {OUTPUT}"]


def test_a_missing_output_is_noticed(over: Round) -> None:
    (over.out / OUTPUT).unlink()
    over.check()
    assert over.findings.remarks == [f"mismatches: {OUTPUT}"]


@pytest.mark.parametrize("name", [f"{OUTPUT}.1.tmp", f"{OUTPUT}.partial", "run.lock"])
def test_a_file_that_is_left_over_is_noticed(over: Round, name: str) -> None:
    (over.out / name).touch()
    over.check()
    assert over.findings.remarks == [f"strays: {over.out / name}"]


def test_an_abandoned_socket_is_noticed(over: Round) -> None:
    abandoned = over.temporary / "tui-balancer-0123"
    abandoned.mkdir()
    over.check()
    assert over.findings.remarks == [f"strays: {abandoned}"]


@pytest.mark.parametrize(
    "harm",
    [
        "UPDATE files SET state = 'waiting'",
        "UPDATE files SET attempts = 2",
        "UPDATE leases SET how = 'lost'",
        "INSERT INTO leases SELECT unit, 2, session, device, granted, ended, how FROM leases",
    ],
)
def test_a_file_that_was_not_done_exactly_once_is_noticed(over: Round, harm: str) -> None:
    with closing(sqlite3.connect(over.out / LEDGER_NAME)) as database, database:
        database.execute(harm)
    assert not_done_once(over.out / LEDGER_NAME) == [file(0).name]


def test_a_process_that_outlives_its_app_is_noticed(tmp_path: Path) -> None:
    victim = Victim(["--version"], tmp_path, tmp_path, tmp_path / "log", preloaded=False)
    assert victim.wait_for_the_end(60.0) == 0
    assert victim.survivors(0) == []
    with subprocess.Popen(
        [sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE
    ) as other:
        orphan = psutil.Process(other.pid)
        victim.seen.add(orphan)
        assert victim.survivors(0) == [orphan]
    assert victim.survivors(0) == []
