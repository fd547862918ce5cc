"""A run during its preparation, and then the run itself."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from tui_balancer.run_folder.names import LOGS_FOLDER
from tui_balancer.scheduler.commands import Command, Outcome
from tui_balancer.scheduler.events import Event
from tui_balancer.scheduler.model import Totals, Unit
from tui_balancer.scheduler.read_api import Places
from tui_balancer.settings import MODELS_JOINED, RunSettings
from tui_balancer.view.handle import Phase, RunSnapshot, RunSummary, ScanProgress, Step

if TYPE_CHECKING:
    # These imports are slow: they happen after the first paint.
    from tui_balancer.run.live.session import RunSession
    from tui_balancer.run.prepare.checking import OnStep
    from tui_balancer.run.prepare.prepare import PreparedRun

Prepare: TypeAlias = "Callable[[OnStep], PreparedRun]"
"""Prepares a run and reports progress; raises UserError."""

Begin: TypeAlias = "Callable[[PreparedRun], RunSession]"
"""Starts a prepared run; raises UserError."""


class _Called(Exception):
    """The preparation was cancelled."""


class OpeningRun:
    """Implements `RunHandle` while a thread prepares a run, and then delegates to the run.

    Finding a million files, checking a model or downloading it takes longer than a user waits for
    a screen, so the screen comes first.

    Args:
        settings: The requested run.
        prepare: Prepares it; called in the thread.
        begin: Starts it; called in the thread.

    Attributes:
        settled: Set when the run has started, or will not start.
        problem: Why it will not start; `snapshot` raises it.
    """

    def __init__(self, settings: RunSettings, prepare: Prepare, begin: Begin) -> None:
        self._settings = settings
        self._prepare = prepare
        self._begin = begin
        self._step = Step("looking around")
        self._began = time.monotonic()
        self._started_at = time.time()
        self._session: RunSession | None = None
        self._off = False
        self._lock = threading.Lock()
        self.settled = threading.Event()
        self.problem: Exception | None = None
        self._thread = threading.Thread(target=self._open, name="opening", daemon=True)

    def start(self) -> None:
        """Prepare and start the run; return at once. A second call does nothing."""
        if self._thread.ident is None:
            self._thread.start()

    def call_off(self) -> bool:
        """Cancel the start of the run; return False if it has started."""
        with self._lock:
            self._off = self._session is None
            return self._off

    @property
    def session(self) -> RunSession | None:
        """The run, once it has started."""
        return self._session

    def _open(self) -> None:
        try:
            prepared = self._prepare(self._note)
            with self._lock:
                if not self._off:
                    self._session = self._begin(prepared)
        except _Called:
            pass
        except Exception as problem:
            self.problem = problem
        finally:
            self.settled.set()

    def _note(self, step: Step) -> None:
        if self._off:
            raise _Called
        self._step = step

    def snapshot(self) -> RunSnapshot:
        """See `RunHandle.snapshot`.

        Raises:
            UserError: The run cannot begin.
        """
        if self._session is not None:
            return self._session.snapshot()
        if self.problem is not None:
            raise self.problem
        settings, models = self._settings, self._settings.by_model
        return RunSnapshot(
            phase=Phase.PREPARING,
            model_label=MODELS_JOINED.join(one.model.replace(":", " ") for one in models),
            untrained=any(one.model.startswith("untrained:") for one in models),
            output=str(settings.output),
            started_at=self._started_at,
            elapsed_seconds=time.monotonic() - self._began,
            scan=ScanProgress(),
            totals=Totals(),
            policy=settings.balancing.policy,
            stealing=settings.balancing.stealing,
            step=self._step,
        )

    def events_after(self, sequence: int) -> tuple[Event, ...]:
        """See `RunHandle.events_after`."""
        return self._session.events_after(sequence) if self._session else ()

    def units(self) -> Sequence[Unit]:
        """See `RunHandle.units`."""
        return self._session.units() if self._session else ()

    def places(self, known: int) -> Places | None:
        """See `RunHandle.places`."""
        return self._session.places(known) if self._session else None

    def log_folder(self) -> Path:
        """See `RunHandle.log_folder`."""
        return self._settings.output.absolute() / LOGS_FOLDER

    def execute(self, command: Command) -> Outcome:
        """See `RunHandle.execute`."""
        if self._session is None:
            return Outcome(False, "the run has not started yet")
        return self._session.execute(command)

    def summary(self) -> RunSummary | None:
        """See `RunHandle.summary`."""
        return self._session.summary() if self._session else None
