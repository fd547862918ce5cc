"""A run in another process, with the interface of a local one."""

from __future__ import annotations

import socket
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, cast

from tui_balancer.attach.connection import Connection, Reconnected
from tui_balancer.attach.mailbox_client import MailboxConnection, may_write
from tui_balancer.attach.messages import (
    AskEvents,
    AskFiles,
    AskPlaces,
    AskSnapshot,
    AskStatus,
    AskSummary,
    AskUnits,
    Execute,
    FilesFound,
    Question,
    Request,
    Value,
)
from tui_balancer.attach.point import AttachPoint, OutOfReach
from tui_balancer.errors import UserError
from tui_balancer.run_folder.names import LOGS_FOLDER
from tui_balancer.scheduler.commands import AnyCommand, Command, Outcome
from tui_balancer.scheduler.events import Event
from tui_balancer.scheduler.model import Unit
from tui_balancer.scheduler.read_api import Places
from tui_balancer.view.handle import RunSnapshot, RunSummary
from tui_balancer.view.names import FileSelection
from tui_balancer.view.status import RunStatus

if TYPE_CHECKING:
    # It reads ledgers, and so imports numpy: a command for a live run needs neither.
    from tui_balancer.history.finished_run import FinishedRun

UNSURE = Outcome(
    False, "The connection was interrupted. Check whether the command arrived, then repeat it."
)


class Exchange(Protocol):
    """Sends requests to a run, one at a time."""

    def ask(self, question: Question[Value]) -> Value:
        """Return the run's answer; see `Connection.ask`."""

    def close(self) -> None:
        """Give back what is open."""


class AttachClient:
    """Implements `RunHandle` over a connection.

    Its methods raise `EOFError` or `OSError` when the run's process is gone, and `UserError` where
    the run refuses to answer.
    """

    def __init__(self, connection: Exchange, folder: Path) -> None:
        self._connection = connection
        self._folder = folder
        self._units: tuple[Unit, ...] = ()
        self._learning = threading.Lock()

    def snapshot(self) -> RunSnapshot:
        """See `RunHandle.snapshot`."""
        return self._ask(AskSnapshot())

    def events_after(self, sequence: int) -> tuple[Event, ...]:
        """See `RunHandle.events_after`."""
        return self._ask(AskEvents(sequence))

    def units(self) -> Sequence[Unit]:
        """See `RunHandle.units`; each crosses over once."""
        with self._learning:
            self._units += self._ask(AskUnits(len(self._units)))
            return self._units

    def places(self, known: int) -> Places | None:
        """See `RunHandle.places`."""
        places = self._ask(AskPlaces(known))
        return None if places is None else places.places()

    def log_folder(self) -> Path:
        """See `RunHandle.log_folder`."""
        return self._folder / LOGS_FOLDER

    def execute(self, command: Command) -> Outcome:
        """See `RunHandle.execute`; a command is never sent twice."""
        try:
            return self._ask_once(Execute(cast(AnyCommand, command)))
        except Reconnected:
            return UNSURE

    def summary(self) -> RunSummary | None:
        """See `RunHandle.summary`."""
        return self._ask(AskSummary())

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def _ask(self, request: Request[Value]) -> Value:
        try:
            return self._ask_once(request)
        except Reconnected:
            return self._ask_once(request)

    def _ask_once(self, request: Request[Value]) -> Value:
        return self._connection.ask(request)

    def status(self) -> RunStatus:
        """Return the run in brief."""
        return self._ask(AskStatus())

    def files(self, selection: FileSelection) -> FilesFound:
        """Return the numbers of the selected files."""
        return self._ask(AskFiles(selection))


class AttachedRun(AttachClient):
    """The same over the run's ledger, once the run's process is gone."""

    def __init__(self, connection: Exchange, folder: Path) -> None:
        super().__init__(connection, folder)
        self._finished: FinishedRun | None = None
        self._ending = threading.Lock()

    def _ask_once(self, request: Request[Value]) -> Value:
        if self._finished is None:
            try:
                return super()._ask_once(request)
            except (EOFError, OSError):
                from tui_balancer.history.finished_run import FinishedRun

                with self._ending:
                    self._finished = self._finished or FinishedRun(self._folder)
        return request.answer(self._finished)


def attach(folder: Path, *, read_only: bool = False) -> AttachedRun | FinishedRun:
    """Return a run that this or another process of the user works on, or worked on to its end.

    Raises:
        UserError: There is no run in the folder, its process was killed, or it cannot be
            attached to from here or by this user.
    """
    run = live_or_ended(folder, read_only=read_only)
    if not isinstance(run, AttachedRun) and run.died:
        raise UserError(
            f"{run.summary().stop_reason}: continue it with `tui-balancer resume {folder}`"
        )
    return run


def live_or_ended(
    folder: Path, *, read_only: bool = False, by_letter: bool = False
) -> AttachedRun | FinishedRun:
    """Return the run of a folder: live, or from its ledger, also if its process was killed.

    Args:
        folder: The run folder, as the person wrote it.
        read_only: Whether every command is refused.
        by_letter: Whether to write letters to a run whose socket cannot be reached.

    Raises:
        UserError: There is no run in the folder, or a live one cannot be attached to from here or
            by this user.
    """
    connection = live_connection(folder, read_only=read_only, by_letter=by_letter)
    if connection is not None:
        return AttachedRun(connection, folder)
    from tui_balancer.history.finished_run import FinishedRun

    finished = FinishedRun(folder)
    if finished.died:
        import psutil

        from tui_balancer.ledger.lock import lock_holder

        holder = lock_holder(folder)
        if holder is not None and psutil.pid_exists(holder.pid):
            raise UserError(f"{folder} is in use by {holder}, which cannot be attached to (yet)")
    return finished


def live_connection(
    folder: Path, *, read_only: bool = False, by_letter: bool = False
) -> Exchange | None:
    """Connect to the live run of a folder; None if no process works on it.

    Args:
        folder: The run folder, as the person wrote it.
        read_only: Whether every command is refused.
        by_letter: Whether to write letters to a run whose socket cannot be reached.

    Raises:
        UserError: It cannot be attached to from here or by this user.
    """
    try:
        point = AttachPoint.read(folder)
        return None if point is None else reach(point, folder, read_only=read_only)
    except OutOfReach:
        if by_letter and may_write(folder):
            return MailboxConnection(folder, read_only=read_only)
        raise


def reach(point: AttachPoint, folder: Path, *, read_only: bool = False) -> Connection | None:
    """Connect to a live run.

    Args:
        point: Where it is.
        folder: The run folder, as the person wrote it.
        read_only: Whether every command is refused.

    Returns:
        The connection, or None when the run's process is gone.

    Raises:
        OutOfReach: It runs on another machine.
        UserError: It is another user's, refuses, or does not answer.
    """
    if point.host != socket.gethostname():
        raise OutOfReach(
            f"The run in {folder} is on {point.host} (process {point.pid}). Attach to it there."
        )
    try:
        return Connection(point, folder, read_only=read_only)
    except (EOFError, OSError):
        return None
