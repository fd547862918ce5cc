"""Adds inputs to a run at work: finds, checks and scans them in its own thread."""

from __future__ import annotations

import gc
import json
import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from queue import SimpleQueue

from msgspec import convert, to_builtins

from tui_balancer.errors import UserError
from tui_balancer.inputs.finding.discovery import InputFile, find_inputs, require_inputs
from tui_balancer.inputs.scan import ScanStopped
from tui_balancer.ledger.errors import LedgerError
from tui_balancer.ledger.records import FileRecord
from tui_balancer.notices import Notice, Notices
from tui_balancer.run.prepare.adding import (
    InputsHeld,
    models_of,
    new_inputs,
    scan_added,
)
from tui_balancer.run.prepare.prepare import PreparedRun
from tui_balancer.run_folder.folder import RunFolder
from tui_balancer.run_folder.manifest import Manifest
from tui_balancer.scheduler.commands import AddFiles, Outcome
from tui_balancer.scheduler.coordinator import WorkStealingCoordinator

ANSWER_SECONDS = 0.08
"""How long an answer waits for the number of files that were found."""

_MANY = 10_000
"""So many files are a matter of a tenth of a second for the garbage collector."""

_STOPPING = "the run is being stopped"

_log = logging.getLogger(__name__)

Find = Callable[[Notices], Mapping[int, Sequence[InputFile]]]
"""Finds the inputs of some models, by their places in the run, and what is left out."""

TakeIn = Callable[[Sequence[FileRecord], int], None]
"""Gives the run new files, which are in its ledger, and how many of the command it had before."""


@dataclass(eq=False, slots=True)
class _Request:
    """Inputs to add, and the answer that somebody may wait for.

    Attributes:
        find: Finds them.
        addition: Number of the command in the ledger; None for files of a watched folder, which
            are found there again.
    """

    find: Find
    addition: int | None = None
    outcome: Outcome | None = None
    nothing_new: bool = False
    awaited: bool = True
    found: threading.Event = field(default_factory=threading.Event)
    settled: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def answer(self, outcome: Outcome) -> bool:
        """Set the answer; return whether somebody still waits for it."""
        with self._lock:
            self.outcome = outcome
            self.found.set()
            return self.awaited

    def wait(self, seconds: float) -> Outcome | None:
        """Return the answer; None if there is none so far. Nobody waits for it any more."""
        self.found.wait(seconds)
        with self._lock:
            self.awaited = False
            return self.outcome


class Additions:
    """Adds inputs to a run, one request after the other.

    Reading files blocks neither the coordinator nor the one who asks: the answer says how many
    are scanned, events say what was added. The ledger has an accepted command before its answer,
    and new files before the coordinator, so a run that dies or stops in between resumes with
    them. The run is not over before all that was accepted is added or refused.

    Args:
        take_in: Gives the run the new files.
        stop: Ends a scan early; set when the run stops.
    """

    def __init__(
        self,
        prepared: PreparedRun,
        folder: RunFolder,
        coordinator: WorkStealingCoordinator,
        take_in: TakeIn,
        stop: threading.Event,
    ) -> None:
        self._prepared = prepared
        self._folder = folder
        self._coordinator = coordinator
        self._take_in = take_in
        self._stop = stop
        self._held: InputsHeld | None = None
        self._requests: SimpleQueue[_Request | None] = SimpleQueue()
        self._begun = threading.Event()
        self._thread = threading.Thread(target=self._work, name="additions", daemon=True)

    def start(self) -> None:
        """Accept inputs, first those that earlier sessions left; they are added after `begin`."""
        for number, command in self._folder.additions:
            self._coordinator.await_files()
            find = self._find(convert(json.loads(command), AddFiles))
            self._requests.put(_Request(find, number, awaited=False))
        self._thread.start()

    def begin(self, manifest: Manifest) -> None:
        """Add files from now on: those of the start are assigned.

        Args:
            manifest: The run's files; `take_in` extends it.
        """
        self._held = InputsHeld(manifest)
        self._begun.set()

    def close(self) -> None:
        """Leave what is not added to the next session; return when no file is read any more."""
        self._stop.set()
        self._begun.set()
        self._requests.put(None)
        if self._thread.ident is not None:
            self._thread.join()

    def execute(self, command: AddFiles) -> Outcome:
        """Start adding what a person named, and return how many files are scanned.

        What is wrong with the inputs is the answer if it is known soon, and else a warning.
        """
        outcome = self._coordinator.execute(command)
        if not outcome.accepted:
            return outcome
        try:
            patterns = models_of(self._prepared, command)
            require_inputs([one for own in patterns.values() for one in own])
            number = self._folder.ledger.keep_addition(json.dumps(to_builtins(command)))
        except (UserError, LedgerError) as problem:
            self._coordinator.files_settled()
            return Outcome(False, str(problem))
        request = _Request(self._find(command), number)
        self._requests.put(request)
        return request.wait(ANSWER_SECONDS) or outcome

    def _find(self, command: AddFiles) -> Find:
        """Return what finds the inputs that a command names."""

        def find(left_out: Notices) -> Mapping[int, Sequence[InputFile]]:
            patterns = models_of(self._prepared, command)
            return {model: find_inputs(own, left_out.leave_out) for model, own in patterns.items()}

        return find

    def add(self, files: Mapping[int, Sequence[InputFile]]) -> str:
        """Add files, and return when they are added, or why new ones are not.

        The caller keeps the run open, and closes nothing meanwhile.
        """
        self._coordinator.await_files()
        request = _Request(lambda _: files)
        self._requests.put(request)
        request.settled.wait()
        outcome = request.outcome
        refused = outcome is not None and not outcome.accepted and not request.nothing_new
        return outcome.message if outcome is not None and refused else ""

    def _work(self) -> None:
        self._begun.wait()
        if self._held is not None:
            # Of many files this takes longer than an answer may.
            self._held.update()
            if len(self._held.outputs) > _MANY:
                # They stay: the collector would hold up all answers while it looks through them.
                gc.freeze()
        while (request := self._requests.get()) is not None:
            try:
                self._serve(request)
            except (UserError, LedgerError, OSError) as problem:
                self._refuse(request, str(problem))
            except ScanStopped:
                self._postpone(request)
            except Exception as problem:
                _log.exception("cannot add files")
                self._refuse(request, f"internal error: {problem!r}")
            finally:
                self._coordinator.files_settled()
                request.settled.set()

    def _serve(self, request: _Request) -> None:
        """Find, scan and add the inputs of a request.

        Raises:
            UserError: They cannot be added.
            LedgerError: The ledger cannot be written.
            ScanStopped: The run stops.
        """
        held = self._held
        if self._stop.is_set() or held is None:
            raise ScanStopped
        left_out = Notices()
        new = new_inputs(self._prepared, held, request.find(left_out))
        self._coordinator.warn(*left_out.all())
        if not new.count:
            request.nothing_new = True
            raise UserError(new.nothing)
        request.answer(Outcome(True, new.scanning))
        scanned = scan_added(self._prepared, held, new, self._stop)
        if self._stop.is_set():
            raise ScanStopped
        self._folder.ledger.record_scan(scanned.files, time.time(), request.addition)
        self._coordinator.warn(*scanned.warnings)
        self._take_in(scanned.files, new.known)

    def _refuse(self, request: _Request, reason: str) -> None:
        """Say why nothing is added: to the one who asks, or else in the log."""
        self._drop(request)
        if not request.answer(Outcome(False, reason)):
            self._coordinator.warn(Notice(f"nothing was added: {reason}"))

    def _postpone(self, request: _Request) -> None:
        """Leave an accepted command to the next session of the run; refuse another."""
        if request.answer(Outcome(False, _STOPPING)):
            self._drop(request)
        elif request.addition is not None:
            self._coordinator.warn(Notice("files were not added before the stop: resume adds them"))

    def _drop(self, request: _Request) -> None:
        if request.addition is not None:
            # At worst the next session refuses it again.
            with suppress(LedgerError):
                self._folder.ledger.drop_addition(request.addition)
