"""The ledger outlives its app: cut off anywhere, it holds every append that returned."""

import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.leases import leases_of
from tests.support.ledger_story import FILES, RUN, SESSION, STORY
from tui_balancer.errors import UserError
from tui_balancer.ledger import writing
from tui_balancer.ledger.errors import LedgerError
from tui_balancer.ledger.mounts import on_network
from tui_balancer.ledger.reading import LedgerReader, read_ledger
from tui_balancer.ledger.records import EventRecord, FileRow
from tui_balancer.ledger.writing import Ledger

Contents = tuple[tuple[FileRow, ...], tuple[object, ...], tuple[EventRecord, ...]]


@pytest.fixture(params=[False, True], ids=["local", "network"])
def network(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Whether the ledger believes that its folder is shared between machines."""
    shared: bool = request.param
    monkeypatch.setattr(writing, "on_network", lambda _: shared)
    return shared


@pytest.fixture
def path(network: bool, tmp_path: Path) -> Path:
    """Where a ledger is to be made, on a disk of each kind."""
    return tmp_path / "ledger.sqlite"


@pytest.fixture
def ledger(path: Path) -> Iterator[Ledger]:
    ledger = Ledger.create(path, RUN, SESSION)
    ledger.record_scan(FILES, at=1002.0)
    yield ledger
    ledger.close()


def contents(ledger: LedgerReader) -> Contents:
    return ledger.files(), leases_of(ledger), ledger.events(session=1)


def copy_of(path: Path, folder: Path) -> Path:
    """Copy a ledger as a power cut would leave it: the files, not the memory."""
    folder.mkdir()
    for name in (path.name, f"{path.name}-wal", f"{path.name}-journal"):
        if (path.parent / name).exists():
            shutil.copy(path.parent / name, folder / name)
    return folder / path.name


def test_a_copy_made_after_any_append_holds_it(ledger: Ledger, path: Path, tmp_path: Path) -> None:
    for number, (event, changes) in enumerate(STORY):
        ledger.append(event, *changes)
        copy = read_ledger(copy_of(path, tmp_path / str(number)))
        assert contents(copy) == contents(ledger)
        copy.close()


def test_a_log_that_is_cut_anywhere_holds_a_beginning_of_the_story(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    ledger = Ledger.create(path, RUN, SESSION)
    ledger.record_scan(FILES, at=1002.0)
    log = path.with_name(f"{path.name}-wal")
    moments, lengths = [contents(ledger)], [log.stat().st_size]
    for event, changes in STORY:
        ledger.append(event, *changes)
        moments.append(contents(ledger))
        lengths.append(log.stat().st_size)
    whole = log.read_bytes()
    assert lengths == sorted(set(lengths))
    for cut in range(lengths[0], len(whole) + 1, 997):
        folder = tmp_path / f"cut {cut}"
        copy = copy_of(path, folder)
        (folder / log.name).write_bytes(whole[:cut])
        survived = sum(length <= cut for length in lengths) - 1
        reader = read_ledger(copy)
        assert contents(reader) == moments[survived]
        reader.close()
    ledger.close()


def test_a_killed_app_loses_nothing_that_it_appended(path: Path, network: bool) -> None:
    code = f"""
import os, signal, sys
from pathlib import Path
from tests.support.ledger_story import *
from tui_balancer.ledger import writing
writing.on_network = lambda _: {network}
ledger = writing.Ledger.create(Path(sys.argv[1]), RUN, SESSION)
ledger.record_scan(FILES, at=1002.0)
for event, changes in STORY:
    ledger.append(event, *changes)
ledger._connection.execute("BEGIN IMMEDIATE")
ledger._connection.execute("DELETE FROM files")
os.kill(os.getpid(), signal.SIGKILL)
"""
    assert subprocess.run([sys.executable, "-c", code, path]).returncode == -9
    ledger = Ledger.open(path, SESSION)
    assert [row.state.value for row in ledger.files()] == [
        *("done", "waiting", "failed", "done", "failed")
    ]
    assert ledger.events(session=1) == tuple(event for event, _ in STORY if event)
    assert ledger.sessions()[0].ended_at is None
    ledger.close()


def test_only_what_became_of_a_file_waits_for_the_disk(tmp_path: Path) -> None:
    ledger = Ledger.create(tmp_path / "ledger.sqlite", RUN, SESSION)
    ledger.record_scan(FILES, at=1002.0)
    statements: list[str] = []
    ledger._connection.set_trace_callback(statements.append)
    levels = []
    for event, changes in STORY:
        statements.clear()
        ledger.append(event, *changes)
        levels.append(statements[0].removeprefix("PRAGMA synchronous = "))
        assert statements[1] == "BEGIN IMMEDIATE"
    assert levels == [
        *("NORMAL", "NORMAL", "NORMAL", "FULL", "NORMAL", "NORMAL", "NORMAL", "FULL", "NORMAL")
    ]
    ledger.close()


def test_a_rollback_journal_always_waits_for_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writing, "on_network", lambda _: True)
    ledger = Ledger.create(tmp_path / "ledger.sqlite", RUN, SESSION)
    statements: list[str] = []
    ledger._connection.set_trace_callback(statements.append)
    ledger.append(STORY[0][0])
    assert statements[0] == "PRAGMA synchronous = FULL"
    ledger.close()


def test_another_process_reads_while_the_run_goes_on(ledger: Ledger, path: Path) -> None:
    query = "SELECT count(*) FROM files WHERE state = 'done'"
    code = f"""
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1])
for _ in sys.stdin:
    print(connection.execute("{query}").fetchone()[0], flush=True)
"""
    with subprocess.Popen(
        [sys.executable, "-c", code, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as reader:
        assert reader.stdin is not None
        assert reader.stdout is not None
        counts = []
        for event, changes in STORY:
            ledger.append(event, *changes)
            print(file=reader.stdin, flush=True)
            counts.append(int(reader.stdout.readline()))
        reader.stdin.close()
    assert counts == [0, 0, 0, 1, 1, 1, 1, 2, 2]


def test_with_the_log_a_reader_in_a_transaction_does_not_hold_the_writer(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    ledger = Ledger.create(path, RUN, SESSION)
    ledger.record_scan(FILES, at=1002.0)
    reader = sqlite3.connect(path, isolation_level=None)
    reader.execute("BEGIN")
    before = reader.execute("SELECT count(*) FROM events").fetchone()
    for event, changes in STORY:
        ledger.append(event, *changes)
    assert reader.execute("SELECT count(*) FROM events").fetchone() == before == (0,)
    assert len(ledger.events()) == 8
    reader.close()
    ledger.close()


def test_a_full_disk_leaves_nothing_of_an_append_and_it_can_be_repeated(ledger: Ledger) -> None:
    ((pages,),) = ledger._connection.execute("PRAGMA page_count").fetchall()
    ledger._connection.execute(f"PRAGMA max_page_count = {pages}")
    large = EventRecord(2, 1.0, "note", {"text": "x" * 100_000})
    ledger.append(STORY[0][0])
    before = contents(ledger)
    with pytest.raises(LedgerError, match="full"):
        ledger.append(large, *STORY[1][1])
    assert contents(ledger) == before
    ledger._connection.execute("PRAGMA max_page_count = 1073741823")
    ledger.append(large, *STORY[1][1])
    assert ledger.events()[-1] == large


def test_a_damaged_ledger_is_refused_with_the_reason(ledger: Ledger, path: Path) -> None:
    ledger.close()
    data = bytearray(path.read_bytes())
    for page in range(4096, len(data), 4096):
        data[page : page + 64] = bytes(64)
    path.write_bytes(data)
    with pytest.raises(UserError, match=r"damaged|malformed"):
        Ledger.open(path, SESSION)


def test_a_creation_that_was_cut_short_can_be_repeated(path: Path) -> None:
    path.touch()
    ledger = Ledger.create(path, RUN, SESSION)
    assert ledger.run() == RUN
    ledger.close()


def test_a_closed_ledger_is_a_single_file_that_read_only_media_can_hold(
    ledger: Ledger, path: Path
) -> None:
    ledger.close()
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]
    assert path.read_bytes()[18:20] == b"\x01\x01", "no write-ahead log is asked for"


@pytest.mark.parametrize(
    ("kind", "shared"),
    [("ext4", False), ("overlay", False), ("nfs4", True), ("fuse.sshfs", True), ("fuseblk", False)],
)
def test_the_innermost_mount_tells_whether_machines_share_a_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, shared: bool
) -> None:
    class Mount:
        def __init__(self, mountpoint: Path, fstype: str) -> None:
            self.mountpoint, self.fstype = str(mountpoint), fstype

    folder = tmp_path / "mounted" / "run"
    folder.mkdir(parents=True)
    (tmp_path / "link").symlink_to(folder)
    mounts = [Mount(Path("/"), "nfs"), Mount(folder.parent, kind), Mount(tmp_path / "x", "nfs")]
    monkeypatch.setattr("psutil.disk_partitions", lambda all: mounts)
    assert on_network(folder) is on_network(tmp_path / "link") is shared
    assert on_network(tmp_path) is True


def test_the_journal_fits_the_disk(ledger: Ledger, network: bool) -> None:
    ((mode,),) = ledger._connection.execute("PRAGMA journal_mode").fetchall()
    assert mode == ("truncate" if network else "wal")
