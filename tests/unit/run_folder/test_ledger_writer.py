"""The way from the coordinator's events to the ledger."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.support.leases import leases_of
from tests.support.ledger_story import FILES, RUN, SESSION
from tui_balancer.ledger.changes import Entry, FileDone
from tui_balancer.ledger.errors import LedgerError
from tui_balancer.ledger.records import DeviceUsed, FileState, LeaseEnd
from tui_balancer.ledger.writing import Ledger
from tui_balancer.run_folder.ledger_writer import LedgerWriter
from tui_balancer.scheduler.events import (
    DeviceEvent,
    DoneEvent,
    Event,
    FailureEvent,
    LeaseEvent,
    RetryEvent,
    ReturnEvent,
    SkipEvent,
    StealEvent,
)
from tui_balancer.scheduler.model import DeviceState, ReturnCause

DONE = FileDone(0, "ab" * 32, 5000, 3)


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    ledger = Ledger.create(tmp_path / "ledger.sqlite", RUN, SESSION)
    ledger.record_scan(FILES[:3], 5.0)
    return ledger


@pytest.fixture
def journal(ledger: Ledger) -> LedgerWriter:
    return LedgerWriter(ledger, lambda: 9.0)


def noted(journal: LedgerWriter, *events: Event) -> None:
    for event in events:
        journal.note(event)
    journal.flush()


def test_events_are_stored_in_order_with_all_their_fields(
    ledger: Ledger, journal: LedgerWriter
) -> None:
    noted(
        journal,
        DeviceEvent(1, 0.5, "cpu:0", DeviceState.IDLE, "model loaded"),
        StealEvent(2, 0.6, 1, "f1", 3, "cpu:1", "cpu:0", "sooner", 9.0, 5.0),
    )
    device, steal = ledger.events()
    assert (device.kind, device.payload) == (
        "device",
        {"device": "cpu:0", "state": "idle", "reason": "model loaded"},
    )
    assert (steal.sequence, steal.seconds, steal.kind) == (2, 0.6, "steal")
    assert steal.payload["finish_with"] == 5.0


def test_a_file_is_leased_and_done_as_its_events_say(ledger: Ledger, journal: LedgerWriter) -> None:
    noted(journal, LeaseEvent(1, 1.0, 0, "f0", "cpu:0", 1))
    assert ledger.files()[0].state is FileState.LEASED
    journal.note_done(0, 1, DONE)
    noted(journal, DoneEvent(2, 9.0, 0, "f0", "cpu:0", 1, 3.0))
    assert ledger.files()[0].state is FileState.DONE
    assert [lease.how for lease in leases_of(ledger)] == [LeaseEnd.DONE]
    assert [event.kind for event in ledger.events()] == ["lease", "done"]


@pytest.mark.parametrize(
    ("cause", "how"),
    [
        (ReturnCause.STOPPED, LeaseEnd.RETURNED),
        (ReturnCause.DISK_FULL, LeaseEnd.RETURNED),
        (ReturnCause.WORKER_DIED, LeaseEnd.WORKER_DIED),
        (ReturnCause.WORKER_REPLACED, LeaseEnd.WORKER_DIED),
    ],
)
def test_a_lease_that_comes_back_says_why(
    ledger: Ledger, journal: LedgerWriter, cause: ReturnCause, how: LeaseEnd
) -> None:
    noted(
        journal,
        LeaseEvent(1, 1.0, 0, "f0", "cpu:0", 1),
        ReturnEvent(2, 2.0, 0, "f0", "cpu:0", 1, cause),
        LeaseEvent(3, 3.0, 0, "f0", "cpu:1", 2),
    )
    assert [lease.how for lease in leases_of(ledger)] == [how, None]
    assert (ledger.files()[0].state, ledger.files()[0].attempts) == (FileState.LEASED, 2)


def test_a_skipped_file_is_failed_with_the_reason_and_waits_again_when_it_is_retried(
    ledger: Ledger, journal: LedgerWriter
) -> None:
    noted(journal, SkipEvent(1, 1.0, 1, "f1", "cpu:0", "skipped by hand"))
    row = ledger.files()[1]
    assert (row.state, row.reason, row.by_hand) == (FileState.FAILED, "skipped by hand", True)
    noted(journal, RetryEvent(2, 2.0, 1, "f1", "cpu:1"))
    row = ledger.files()[1]
    assert (row.state, row.by_hand) == (FileState.WAITING, False)
    assert [event.kind for event in ledger.events()] == ["skip", "retry"]


def test_all_files_of_a_skipped_bundle_are_failed_and_retried(tmp_path: Path) -> None:
    ledger = Ledger.create(tmp_path / "ledger.sqlite", RUN, SESSION)
    ledger.record_scan(FILES, 5.0)
    journal = LedgerWriter(ledger, lambda: 9.0)

    def states() -> list[str]:
        return [row.state.value for row in ledger.files()[3:]]

    both = array("i", [3, ~4]).tobytes()
    noted(journal, SkipEvent(1, 1.0, 3, "2 files: f3 …", "cpu:0", "by hand", units=both))
    assert states() == ["failed", "failed"]
    noted(journal, RetryEvent(2, 2.0, 3, "2 files: f3 …", "cpu:0", units=both))
    assert states() == ["waiting", "waiting"]


@pytest.mark.parametrize(
    ("charged", "deaths"),
    [(True, 1), (False, 0)],
)
def test_a_death_counts_later_if_it_was_charged(
    ledger: Ledger, journal: LedgerWriter, charged: bool, deaths: int
) -> None:
    noted(
        journal,
        LeaseEvent(1, 1.0, 0, "f0", "cpu:0", 1),
        ReturnEvent(
            2, 2.0, 0, "f0", "cpu:0", 1, ReturnCause.WORKER_DIED, "killed by SIGTERM", charged
        ),
    )
    assert [lease.how for lease in leases_of(ledger)] == [LeaseEnd.WORKER_DIED]
    assert ledger.files()[0].deaths == deaths


def test_a_file_that_fails_under_a_worker_is_failed_and_a_bad_input_is_left_as_it_is(
    ledger: Ledger, journal: LedgerWriter
) -> None:
    noted(
        journal,
        FailureEvent(1, 0.1, 2, "f2", None, "the file is empty"),
        LeaseEvent(2, 1.0, 0, "f0", "cpu:0", 1),
        FailureEvent(3, 2.0, 0, "f0", "cpu:0", "killed 2 workers"),
    )
    assert [row.state.value for row in ledger.files()] == ["failed", "waiting", "failed"]
    assert [lease.how for lease in leases_of(ledger)] == [LeaseEnd.FAILED]


def test_what_a_full_disk_did_not_take_is_written_later_and_once(
    ledger: Ledger, journal: LedgerWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(entries: Sequence[Entry]) -> None:
        raise LedgerError("database or disk is full")

    journal.note(LeaseEvent(1, 1.0, 0, "f0", "cpu:0", 1))
    with monkeypatch.context() as patch:
        patch.setattr(ledger, "append_all", full)
        with pytest.raises(LedgerError):
            journal.flush()
        journal.close()
    journal.note_done(0, 1, DONE)
    journal.flush()
    journal.flush()
    assert ledger.files()[0].state is FileState.DONE
    assert [event.sequence for event in ledger.events()] == [1]


def test_a_unit_given_up_after_its_output_was_recorded_is_done_all_the_same(
    ledger: Ledger, journal: LedgerWriter
) -> None:
    noted(journal, LeaseEvent(1, 1.0, 0, "f0", "cpu:0", 1))
    journal.note_done(0, 1, DONE)
    noted(journal, ReturnEvent(2, 2.0, 0, "f0", "cpu:0", 1, ReturnCause.STOPPED))
    assert ledger.files()[0].state is FileState.DONE
    assert [lease.how for lease in leases_of(ledger)] == [LeaseEnd.DONE]


def test_a_device_is_noted_as_of_now(ledger: Ledger, journal: LedgerWriter) -> None:
    journal.note_device(DeviceUsed("cpu:0", "a CPU", 0.05, 1, None, 1.5, 6.0))
    journal.flush()
    assert [(used.device, used.seconds) for used in ledger.devices()] == [("cpu:0", 9.0)]
