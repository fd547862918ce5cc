"""What is written into the ledger is what comes out, and it refuses what cannot be."""

import threading
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.leases import LeaseRow, leases_of
from tests.support.ledger_story import DONE, FILES, RUN, SESSION, STORY, file
from tui_balancer.errors import UserError
from tui_balancer.failures import FailureCause
from tui_balancer.ledger.changes import (
    FileDone,
    FileFailed,
    FileReopened,
    FileRescanned,
    FilesRetried,
    LeaseEnded,
    LeaseGranted,
    UnitFailed,
)
from tui_balancer.ledger.errors import LedgerError
from tui_balancer.ledger.reading import read_ledger
from tui_balancer.ledger.records import (
    DeviceUsed,
    EventRecord,
    FileRow,
    FileState,
    LeaseEnd,
    OutputRecord,
    SessionEnd,
)
from tui_balancer.ledger.writing import Ledger


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.sqlite"


@pytest.fixture
def ledger(path: Path) -> Ledger:
    ledger = Ledger.create(path, RUN, SESSION)
    ledger.record_scan(FILES, at=1002.0)
    return ledger


def states(ledger: Ledger) -> list[str]:
    return [row.state.value for row in ledger.files()]


def test_the_run_its_session_and_its_scan_come_back(ledger: Ledger) -> None:
    run = ledger.run()
    assert (run.created_at, run.model, run.settings) == (RUN.created_at, RUN.model, RUN.settings)
    assert run.scanned_at == 1002.0
    assert ledger.sessions() == (SESSION,)
    assert ledger.files() == tuple(map(FileRow.of_new, FILES))


def test_a_run_whose_scan_has_not_ended_has_no_files(path: Path) -> None:
    ledger = Ledger.create(path, RUN, SESSION)
    assert ledger.run() == RUN
    assert ledger.files() == ()


def test_files_wait_after_the_scan_unless_they_cannot_be_read(ledger: Ledger) -> None:
    assert states(ledger) == ["waiting", "waiting", "failed", "waiting", "waiting"]
    assert ledger.files()[2].reason == "the file is empty"


def test_an_accepted_addition_is_kept_until_it_is_done_or_dropped(ledger: Ledger) -> None:
    first, second, third = map(ledger.keep_addition, ("one", "two", "three"))
    assert ledger.additions() == ((first, "one"), (second, "two"), (third, "three"))
    ledger.drop_addition(third)
    ledger.record_scan([file(5)], at=1003.0, addition=first)
    assert ledger.additions() == ((second, "two"),)
    with pytest.raises(LedgerError):
        ledger.record_scan([file(5)], at=1003.0, addition=second)
    assert ledger.additions() == ((second, "two"),)


def test_a_story_ends_as_it_was_told(ledger: Ledger) -> None:
    for event, changes in STORY:
        ledger.append(event, *changes)
    first, second, bad, third, fourth = ledger.files()
    assert first.state is FileState.DONE
    assert (first.attempts, first.device, first.reason) == (1, "cpu:0", "")
    assert FileDone(0, *(getattr(first, name) for name in DONE.__slots__[1:])) == DONE
    assert (second.state, second.attempts, second.device) == (FileState.LEASED, 2, "cpu:0")
    assert bad.state is FileState.FAILED
    assert (third.state, third.output_sha256) == (FileState.DONE, "cd" * 32)
    assert (fourth.state, fourth.reason) == (FileState.FAILED, "out of memory")
    assert leases_of(ledger) == (
        LeaseRow(1, 0, 1, "cpu:0", 1.0, 2.0, LeaseEnd.DONE),
        LeaseRow(1, 1, 1, "cpu:1", 1.1, 2.5, LeaseEnd.WORKER_DIED),
        LeaseRow(1, 3, 1, "cpu:0", 3.0, 4.0, LeaseEnd.DONE),
        LeaseRow(1, 1, 2, "cpu:0", 5.0, None, None),
    )
    assert ledger.events() == tuple(event for event, _ in STORY if event)


def test_the_files_of_a_lease_that_came_back_wait_with_the_reason(ledger: Ledger) -> None:
    ledger.append(None, LeaseGranted(3, 1, "cpu:0", 1.0))
    assert states(ledger)[3:] == ["leased", "leased"]
    ledger.append(None, LeaseEnded(3, 1, LeaseEnd.RETURNED, 2.0))
    assert [(row.state, row.reason) for row in ledger.files()[3:]] == [
        (FileState.WAITING, "returned")
    ] * 2


def test_the_deaths_that_are_charged_to_a_file_are_counted_until_it_is_tried_anew(
    ledger: Ledger,
) -> None:
    for epoch, (how, charged) in enumerate(
        [
            (LeaseEnd.WORKER_DIED, True),
            (LeaseEnd.WORKER_DIED, False),
            (LeaseEnd.RETURNED, False),
            (LeaseEnd.WORKER_DIED, True),
        ],
        start=1,
    ):
        ledger.append(None, LeaseGranted(3, epoch, "cpu:0", 1.0))
        ledger.append(None, LeaseEnded(3, epoch, how, 2.0, charged))
    assert [row.deaths for row in ledger.files()] == [0, 0, 0, 2, 2]
    ledger.append(None, FileFailed(3, "killed 2 workers"), FileReopened(3, "tried again"))
    assert [row.deaths for row in ledger.files()] == [0, 0, 0, 0, 2]


def test_a_failed_file_has_its_cause_until_it_is_tried_again(ledger: Ledger) -> None:
    ledger.append(None, LeaseGranted(3, 1, "cpu:0", 1.0))
    ledger.append(None, FileFailed(3, "no room", FailureCause.OUT_OF_MEMORY))
    ledger.append(None, UnitFailed(0, "died", FailureCause.KILLED_WORKERS))
    causes = [row.file.cause for row in ledger.files()]
    assert (causes[0], causes[3]) == (FailureCause.KILLED_WORKERS, FailureCause.OUT_OF_MEMORY)
    ledger.append(None, FileReopened(3, "tried again"), FilesRetried((0,), "tried again"))
    causes = [row.file.cause for row in ledger.files()]
    assert (causes[0], causes[3]) == (FailureCause.NONE, FailureCause.NONE)


def test_a_device_is_known_by_what_was_said_of_it_last(ledger: Ledger) -> None:
    first = DeviceUsed("cpu:0", "a CPU", 0.05, 2, None, 1.5)
    later = DeviceUsed("cpu:0", "a CPU", 0.05, 2, 1 << 34, 1.25, 60.0, 1, 70.0)
    other = DeviceUsed("cuda:0", "a card", 1.0, 1, 80 << 30, 9.0, 50.0)
    for used in (other, first, later):
        ledger.append(None, used)
    assert ledger.devices() == (later, other)
    assert ledger.devices(session=2) == ()


def test_a_session_that_ended_says_how(ledger: Ledger) -> None:
    ledger.end_session(1100.0, SessionEnd.FAILED, "the disk is gone")
    (session,) = ledger.sessions()
    assert (session.ended_at, session.end, session.reason) == (
        1100.0,
        SessionEnd.FAILED,
        "the disk is gone",
    )


def test_taking_a_run_up_loses_open_leases_and_nothing_else(ledger: Ledger, path: Path) -> None:
    for event, changes in STORY:
        ledger.append(event, *changes)
    before = ledger.files()
    ledger.close()
    again = Ledger.open(path, SESSION)
    assert again.session == 2
    assert [row for row in again.files() if row.file.file_id != 1] == [
        row for row in before if row.file.file_id != 1
    ]
    lost = again.files()[1]
    assert (lost.state, lost.reason, lost.attempts) == (FileState.WAITING, "lost", 2)
    assert leases_of(again)[-1].how is LeaseEnd.LOST
    again.append(EventRecord(1, 0.1, "lease", {}), LeaseGranted(1, 3, "cpu:0", 0.1))
    assert [event.seconds for event in again.events()] == [0.1]
    assert len(again.events(session=1)) == 8


def test_a_lost_output_or_a_retry_makes_a_file_wait_again(ledger: Ledger) -> None:
    ledger.append(None, LeaseGranted(0, 1, "cpu:0", 1.0))
    ledger.append(None, DONE, LeaseEnded(0, 1, LeaseEnd.DONE, 2.0))
    ledger.append(None, FileReopened(0, "its output is missing"), FileReopened(2, "retry"))
    first, _, bad, *_ = ledger.files()
    assert (first.state, first.reason, first.attempts) == (
        FileState.WAITING,
        "its output is missing",
        1,
    )
    assert (first.output_sha256, first.output_bytes, first.vectors) == ("", 0, 0)
    assert first.others == ()
    ledger.append(None, LeaseGranted(0, 2, "cpu:0", 3.0))
    table = OutputRecord("sub/f0_ESM.tsv", "23" * 32, 80)
    again = replace(DONE, others=(table,))
    ledger.append(None, again, LeaseEnded(0, 2, LeaseEnd.DONE, 4.0))
    assert ledger.files()[0].others == (table,)
    assert bad.state is FileState.WAITING


def test_a_file_that_changed_is_taken_as_it_is_now(ledger: Ledger) -> None:
    mended, spoilt = file(2), file(0, error="the file is empty")
    ledger.append(None, FileRescanned(mended), FileRescanned(spoilt))
    assert ledger.files()[2].file == mended
    assert states(ledger)[:3] == ["failed", "waiting", "waiting"]


def test_of_files_that_are_done_together_each_must_have_been_leased(ledger: Ledger) -> None:
    ledger.append(None, LeaseGranted(0, 1, "cpu:0", 1.0), LeaseGranted(3, 1, "cpu:0", 1.0))
    together = [DONE, FileDone(3, "cd" * 32, 400, 3), FileDone(4, "ef" * 32, 500, 3)]
    with pytest.raises(LedgerError, match="disagrees"):
        ledger.append(None, *together, FileDone(1, "", 0, 0))
    assert states(ledger) == ["leased", "waiting", "failed", "leased", "leased"]
    ledger.append(None, *together)
    assert states(ledger) == ["done", "waiting", "failed", "done", "done"]
    assert [row.output_bytes for row in ledger.files()] == [5000, 0, 0, 400, 500]
    assert [len(row.others) for row in ledger.files()] == [2, 0, 0, 0, 0]


@pytest.mark.parametrize(
    "change",
    [
        LeaseGranted(2, 1, "cpu:0", 1.0),
        LeaseGranted(99, 1, "cpu:0", 1.0),
        LeaseGranted(0, 1, "cpu:1", 1.0),
        LeaseEnded(0, 2, LeaseEnd.DONE, 1.0),
        LeaseEnded(1, 1, LeaseEnd.DONE, 1.0),
        FileDone(1, "", 0, 0),
        FileDone(99, "", 0, 0),
        FileFailed(2, "again"),
        FileReopened(0, "not yet done"),
        FileRescanned(file(0)),
    ],
    ids=str,
)
def test_what_cannot_have_happened_is_refused_whole(ledger: Ledger, change) -> None:  # type: ignore[no-untyped-def]
    ledger.append(None, LeaseGranted(0, 1, "cpu:0", 1.0))
    before = (ledger.files(), leases_of(ledger))
    with pytest.raises(LedgerError):
        ledger.append(EventRecord(1, 1.0, "x", {}), FileFailed(1, "goes back too"), change)
    assert (ledger.files(), leases_of(ledger)) == before
    assert ledger.events() == ()


def test_a_lease_ends_once(ledger: Ledger) -> None:
    ledger.append(None, LeaseGranted(0, 1, "cpu:0", 1.0))
    ledger.append(None, LeaseEnded(0, 1, LeaseEnd.RETURNED, 2.0))
    with pytest.raises(LedgerError):
        ledger.append(None, LeaseEnded(0, 1, LeaseEnd.WORKER_DIED, 3.0))
    assert leases_of(ledger)[0].how is LeaseEnd.RETURNED


def test_an_event_number_is_used_once(ledger: Ledger) -> None:
    ledger.append(EventRecord(1, 1.0, "x", {}))
    with pytest.raises(LedgerError):
        ledger.append(EventRecord(1, 2.0, "y", {}))


def test_paths_in_any_bytes_come_back(path: Path) -> None:
    odd = file(0, source="/data/\udcff\udc9b\n.fasta", output="sub/\udcff_ESM.pt")
    ledger = Ledger.create(path, RUN, SESSION)
    ledger.record_scan([odd], at=1002.0)
    assert ledger.files()[0].file == odd


def test_appends_from_many_threads_are_all_kept(path: Path) -> None:
    ledger = Ledger.create(path, RUN, SESSION)
    ledger.record_scan([file(number) for number in range(80)], at=1002.0)

    def work(device: int) -> None:
        for unit in range(device, 80, 8):
            ledger.append(
                EventRecord(unit + 1, 1.0, "lease", {}), LeaseGranted(unit, 1, f"cpu:{device}", 1.0)
            )

    threads = [threading.Thread(target=work, args=(device,)) for device in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(states(ledger)) == {"leased"}
    assert len(leases_of(ledger)) == len(ledger.events()) == 80


def test_a_second_run_does_not_begin_in_a_ledger_that_is_there(ledger: Ledger, path: Path) -> None:
    with pytest.raises(UserError, match="exists already"):
        Ledger.create(path, RUN, SESSION)
    assert states(ledger)[0] == "waiting"


def test_a_ledger_that_is_not_there_is_the_user_s_error(path: Path) -> None:
    for take in (read_ledger, lambda path: Ledger.open(path, SESSION)):
        with pytest.raises(UserError, match="there is no run here"):
            take(path)
    assert not path.exists()
    with pytest.raises(UserError, match="cannot"):
        Ledger.create(path / "no such folder" / "ledger.sqlite", RUN, SESSION)


@pytest.mark.parametrize(
    ("content", "reason"), [(b"", "is not a ledger"), (b"some notes" * 100, "not a database")]
)
def test_another_file_is_not_taken_for_a_ledger(path: Path, content: bytes, reason: str) -> None:
    path.write_bytes(content)
    for take in (read_ledger, lambda path: Ledger.open(path, SESSION)):
        with pytest.raises(UserError, match=reason):
            take(path)
    assert path.read_bytes() == content


def test_a_ledger_of_another_version_is_refused(ledger: Ledger, path: Path) -> None:
    ledger._connection.execute("PRAGMA user_version = 99")
    ledger.close()
    with pytest.raises(UserError, match="format 99"):
        read_ledger(path)
