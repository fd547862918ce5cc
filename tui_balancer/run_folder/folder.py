"""The run folder of this process: locked, cleaned up, with an open ledger."""

from __future__ import annotations

import os
import socket
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tui_balancer.errors import UserError
from tui_balancer.extras import versions
from tui_balancer.ledger.errors import LedgerError
from tui_balancer.ledger.lock import RunLock
from tui_balancer.ledger.records import RunRecord, SessionEnd, SessionRecord
from tui_balancer.ledger.schema import LEDGER_NAME
from tui_balancer.ledger.writing import Ledger
from tui_balancer.outputs.atomic import sweep_temporaries
from tui_balancer.run_folder.names import LOGS_FOLDER
from tui_balancer.run_folder.presence import MOST_OUTPUTS, Presence, missing_outputs


@dataclass(frozen=True, slots=True)
class RunFolder:
    """A run folder that this process has locked.

    Attributes:
        path: Absolute.
        ledger: Open for writing.
        presence: Checks that they still exist.
        additions: Commands to add inputs that earlier sessions left, see `Ledger.additions`.
    """

    path: Path
    ledger: Ledger
    presence: Presence
    additions: tuple[tuple[int, str], ...]
    _lock: RunLock

    @classmethod
    def take(cls, path: Path, run: RunRecord, sessions: int, age_seconds: float = 0.0) -> RunFolder:
        """Lock a run folder, create it if needed, and remove leftovers of dead attempts.

        Args:
            path: Absolute.
            run: What the run is, should it be new.
            sessions: Processes that have worked on it, as far as the caller knows; 0 if it is
                new.
            age_seconds: What the command has taken already.

        Raises:
            UserError: The folder cannot be written, or another process works in it, or did since
                the caller looked.
        """
        try:
            (path / LOGS_FOLDER).mkdir(parents=True, exist_ok=True)
        except OSError as problem:
            raise UserError(
                f"cannot write the run folder {path}: {problem.strerror}; choose another with "
                "--output"
            ) from problem
        lock = RunLock.acquire(path)
        try:
            session = SessionRecord(
                time.time(),
                socket.gethostname(),
                os.getpid(),
                versions(),
                age_seconds=age_seconds,
            )
            if sessions:
                ledger = Ledger.open(path / LEDGER_NAME, session)
            else:
                ledger = Ledger.create(path / LEDGER_NAME, run, session)
            if ledger.session != sessions + 1:
                ledger.close()
                raise UserError(f"another process has just worked in {path}: start again")
            sweep_temporaries(path, ledger.outputs())
            presence = Presence(path, ledger.path)
            additions = ledger.additions()
        except LedgerError as problem:
            lock.release()
            raise UserError(f"{problem} ({path / LEDGER_NAME})") from problem
        except BaseException:
            lock.release()
            raise
        return cls(path, ledger, presence, additions, lock)

    def damage(self, files: int, *, outputs: bool = True) -> str:
        """Return what is missing of the run, in one line; empty if nothing is.

        Args:
            files: How many the run has; of too many the outputs are not looked for.
            outputs: Whether to look for them at all.
        """
        loss = self.presence.loss()
        if outputs and not loss and files <= MOST_OUTPUTS:
            with suppress(LedgerError):
                return missing_outputs(self.path, self.ledger.published())
        return loss

    def release(self, end: SessionEnd, reason: str = "") -> None:
        """Release the folder, and record how this process ended its work."""
        if self.presence.loss():
            # What lies at these paths now is not the run's.
            self.ledger.abandon()
        else:
            with suppress(LedgerError):
                self.ledger.end_session(time.time(), end, reason)
            self.ledger.close()
        self.presence.close()
        self._lock.release()
