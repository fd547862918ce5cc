"""Writes the coordinator's events to the ledger, in order and outside its lock."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import replace

from msgspec import to_builtins

from tui_balancer.ledger.changes import (
    Change,
    Entry,
    FileDone,
    FileFailed,
    FileLeftOut,
    FilesRetried,
    FilesSkipped,
    LeaseEnded,
    LeaseGranted,
    OutputsOwned,
    UnitBrokenUp,
    UnitFailed,
)
from tui_balancer.ledger.errors import LedgerError
from tui_balancer.ledger.records import DeviceUsed, EventRecord, LeaseEnd
from tui_balancer.ledger.writing import Ledger
from tui_balancer.scheduler.events import (
    DoneEvent,
    Event,
    FailureEvent,
    LeaseEvent,
    PartEvent,
    RetryEvent,
    ReturnEvent,
    SkipEvent,
    UnbundleEvent,
)


class LedgerWriter:
    """Carries what happens in a run into its ledger.

    The coordinator hands over every event under its lock (`note`), which only puts it in a
    queue here; so the queue has the events' order, no thread waits for a disk under that lock, and
    a full disk raises nothing there. A thread that must know that something is written calls
    `flush`, which writes all that waits, in order and as one transaction, for all
    threads are waiting:

    - before a worker gets its lease, so the ledger knows of every lease that a worker has;
    - before outputs are put in place, so the ledger knows whose they are if the app dies there;
    - after an output was put in place and before the coordinator counts it, so what is
      shown as done is done in the ledger, and survives a power cut;
    - from the run's own thread about once a second, for all the rest (steals, moves, commands,
      devices). A killed app loses at most that of the story, and nothing of the work: the
      state of a file hangs on the first two only.

    What could not be written stays in the queue and is tried again by the next `flush`.

    Args:
        ledger: Where it all goes.
        clock: Seconds of the session.
    """

    def __init__(self, ledger: Ledger, clock: Callable[[], float]) -> None:
        self._ledger = ledger
        self._clock = clock
        self._waiting: deque[Entry] = deque()
        self._noting = threading.Lock()
        self._writing = threading.Lock()
        self._out: set[tuple[int, int]] = set()

    def note(self, event: Event) -> None:
        """Queue an event; called under the coordinator's lock."""
        with self._noting:
            self._waiting.append(Entry(event_record(event), self._changes(event)))

    def note_owned(self, file_ids: Iterable[int], *, owned: bool = True) -> None:
        """Queue that what lies at the places of files' outputs is the run's, or is not."""
        with self._noting:
            changes = tuple(OutputsOwned(file_id, owned) for file_id in file_ids)
            self._waiting.append(Entry(None, changes))

    def note_done(self, unit_id: int, epoch: int, *files: FileDone | FileFailed) -> None:
        """Queue that a unit's outputs are in place; `flush` writes it.

        Some files of a bundle may have failed, or all.
        """
        done = any(isinstance(file, FileDone) for file in files)
        how = LeaseEnd.DONE if done else LeaseEnd.FAILED
        ended = LeaseEnded(unit_id, epoch, how, self._clock())
        with self._noting:
            self._out.remove((unit_id, epoch))
            self._waiting.append(Entry(None, (*files, ended)))

    def note_left_out(self, files: Iterable[FileLeftOut]) -> None:
        """Queue files that a warning, noted before, told of."""
        with self._noting:
            self._waiting.append(Entry(None, tuple(files)))

    def note_device(self, used: DeviceUsed) -> None:
        """Queue what is known of a device now."""
        with self._noting:
            self._waiting.append(Entry(None, (replace(used, seconds=self._clock()),)))

    def flush(self) -> None:
        """Return when all that was noted before this call is in the ledger.

        Raises:
            LedgerError: Not all of it is, and nothing is lost: it will be tried again.
        """
        with self._writing:
            with self._noting:
                entries = tuple(self._waiting)
            if not entries:
                return
            self._ledger.append_all(entries)
            with self._noting:
                for _ in entries:
                    self._waiting.popleft()

    def close(self) -> None:
        """Write what waits, as far as that goes: at the end of a run on a full disk it may not."""
        with suppress(LedgerError):
            self.flush()

    def _changes(self, event: Event) -> tuple[Change, ...]:
        """Return what an event changes of files and of the leases that are out; most do nothing."""
        match event:
            case LeaseEvent(unit_id=unit_id, epoch=epoch):
                self._out.add((unit_id, epoch))
                return (LeaseGranted(unit_id, epoch, event.device, event.seconds, event.part),)
            # What is done, `note_done` has told.
            case DoneEvent():
                return ()
            case PartEvent(unit_id=unit_id, epoch=epoch):
                return self._ended(unit_id, epoch, LeaseEnd.PART, event.seconds)
            # A unit whose output is in place, but that could not be counted before the run was
            # stopped, is returned as well: its lease is over already.
            case ReturnEvent(unit_id=unit_id, epoch=epoch) if (unit_id, epoch) in self._out:
                how = LeaseEnd.WORKER_DIED if event.cause.worker_lost else LeaseEnd.RETURNED
                return self._ended(unit_id, epoch, how, event.seconds, event.charged)
            case FailureEvent(unit_id=unit_id, waiting=True):
                return (UnitFailed(unit_id, event.reason, event.cause),)
            # A file that failed without a device was never leased and is in the ledger as failed.
            case FailureEvent(unit_id=unit_id, device=str()):
                # None is out for a file of a bundle, of which `note_done` has told.
                if epochs := [epoch for other, epoch in self._out if other == unit_id]:
                    (epoch,) = epochs
                    ended = self._ended(unit_id, epoch, LeaseEnd.FAILED, event.seconds)
                    return (UnitFailed(unit_id, event.reason, event.cause), *ended)
            case UnbundleEvent(unit_id=unit_id, epoch=epoch):
                died = self._ended(unit_id, epoch, LeaseEnd.WORKER_DIED, event.seconds)
                return (*died, UnitBrokenUp(unit_id))
            case SkipEvent():
                return (FilesSkipped(event.numbers, event.reason),)
            case RetryEvent():
                return (FilesRetried(event.numbers, "retried by hand"),)
        return ()

    def _ended(
        self, unit_id: int, epoch: int, how: LeaseEnd, seconds: float, charged: bool = False
    ) -> tuple[Change, ...]:
        self._out.remove((unit_id, epoch))
        return (LeaseEnded(unit_id, epoch, how, seconds, charged),)


def event_record(event: Event) -> EventRecord:
    """Return an event as the ledger stores it: its kind in a word, its fields by their names."""
    payload = to_builtins(event)
    kind, sequence, seconds = (payload.pop(name) for name in ("event", "sequence", "seconds"))
    return EventRecord(sequence, seconds, kind, payload)
