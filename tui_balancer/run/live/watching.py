"""Watches the folders of a run: what arrives in them is added once it is complete."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from tui_balancer.inputs.finding.arrivals import Arrivals, watched_folders
from tui_balancer.inputs.finding.discovery import InputFile
from tui_balancer.inputs.finding.searching import no_input
from tui_balancer.ledger.changes import FileLeftOut
from tui_balancer.ledger.mounts import on_network
from tui_balancer.notices import Notice, Notices
from tui_balancer.run.live.additions import Additions
from tui_balancer.run.prepare.prepare import PreparedRun
from tui_balancer.run_folder.ledger_writer import LedgerWriter
from tui_balancer.scheduler.coordinator import WorkStealingCoordinator

LOOK_SECONDS = 1.0
"""Seconds between two looks; more where a look takes long."""

_LOOK_SHARE = 20
"""A look takes at most one of so many parts of the time."""

_log = logging.getLogger(__name__)


class Watcher:
    """Adds the complete files of folders to a run, which stays open meanwhile.

    Args:
        coordinator: The run's coordinator.
        additions: Adds files to it.
        ledger_writer: Remembers the files of which a warning told.
        stop: Ends the watching.
    """

    def __init__(
        self,
        prepared: PreparedRun,
        coordinator: WorkStealingCoordinator,
        additions: Additions,
        ledger_writer: LedgerWriter,
        stop: threading.Event,
    ) -> None:
        self._prepared = prepared
        self._watching = prepared.settings.watching
        self._coordinator = coordinator
        self._additions = additions
        self._ledger_writer = ledger_writer
        self._stop = stop
        self._by_model = [watched_folders(one.inputs) for one in prepared.settings.by_model]
        self._folders = tuple(dict.fromkeys(one for own in self._by_model for one in own))
        self._below = len(os.path.commonpath(self._folders).rstrip("/")) + 1
        # What a new run left out at its start has been reported.
        self._report = prepared.sessions > 0
        self._thread = threading.Thread(target=self._work, name="watcher", daemon=True)
        # From now on the run is not over when nothing is left to do.
        coordinator.await_files()

    def start(self, known: Collection[str], left_out: Mapping[str, tuple[int, int]]) -> None:
        """Watch from now on.

        Args:
            known: Paths of the inputs that the run has.
            left_out: Size and time of files that earlier sessions reported, by their paths.
        """
        self._left_out = left_out
        self._arrivals = Arrivals(
            self._folders,
            self._watching.settle,
            known,
            self._prepared.folder,
            any(map(on_network, self._folders)),
        )
        self._thread.start()

    def close(self) -> None:
        """Watch no more, and return when what was found is added or refused."""
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join()

    def _work(self) -> None:
        try:
            self._look_until_the_end()
        except Exception:
            _log.exception("the folders are watched no more")
            self._coordinator.warn(Notice("internal error: the folders are watched no more"))
        finally:
            self._coordinator.files_settled()

    def _look_until_the_end(self) -> None:
        busy = time.monotonic()
        pause = min(LOOK_SECONDS, self._watching.settle / 2)
        while not self._stop.wait(pause):
            began = time.monotonic()
            found = self._inputs(self._arrivals.look())
            looked = time.monotonic() - began
            self._add(found)
            pause = max(min(LOOK_SECONDS, self._watching.settle / 2), looked * _LOOK_SHARE)
            totals = self._coordinator.totals()
            if found or totals.waiting or totals.running or self._arrivals.pending:
                busy = time.monotonic()
            elif self._is_idle_for(time.monotonic() - busy):
                return

    def _is_idle_for(self, seconds: float) -> bool:
        idle_exit = self._watching.idle_exit
        return idle_exit is not None and seconds >= idle_exit

    def _inputs(self, paths: Sequence[str]) -> list[InputFile]:
        """Return those files that are inputs, as in any folder; the others are reported once."""
        left_out = Notices()
        inputs, reported = [], []
        for path in paths:
            kind = no_input(path, Path(path).is_symlink())
            if kind is None:
                inputs.append(InputFile(path, path[self._below :]))
            elif (looks := _looks(path)) != self._left_out.get(path):
                left_out.leave_out(kind, path[self._below :])
                reported.append(FileLeftOut(path, *looks))
        if self._report:
            self._coordinator.warn(*left_out.all())
        self._report = True
        if reported:
            self._ledger_writer.note_left_out(reported)
        return inputs

    def _add(self, files: Sequence[InputFile]) -> None:
        """Add files; where that is refused, one by one, so that one keeps no other out."""
        if not files or self._stop.is_set():
            return
        reason = self._additions.add(self._of_models(files))
        if reason and len(files) == 1:
            self._coordinator.warn(Notice(f"{files[0].name} was not added: {reason}"))
        elif reason:
            for file in files:
                self._add([file])

    def _of_models(self, files: Sequence[InputFile]) -> dict[int, list[InputFile]]:
        """Return the files below the folders of each model, by its place in the run."""
        found = {
            place: [file for file in files if set(folders) & set(file.path.parents)]
            for place, folders in enumerate(self._by_model)
        }
        return {place: own for place, own in found.items() if own}


def _looks(path: str) -> tuple[int, int]:
    """Return the size and time of a file; 0 if it is gone."""
    try:
        status = Path(path).stat()
    except OSError:
        return (0, 0)
    return status.st_size, status.st_mtime_ns
