"""A run in another process, for a screen that does not know the difference."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import psutil

from tui_balancer.balance.commands import Command, Outcome
from tui_balancer.balance.events import Event
from tui_balancer.balance.model import Unit
from tui_balancer.balance.observation import Places
from tui_balancer.errors import UserError
from tui_balancer.ledger.lock import lock_holder
from tui_balancer.run.attach import AttachPoint, RunDesk, fingerprint, reach
from tui_balancer.run.folder import LOGS_FOLDER
from tui_balancer.run.handle import RunSnapshot, RunSummary
from tui_balancer.run.past import PastRun

READ_ONLY = Outcome(False, "read-only: attach without --read-only to steer the run")

_Answer = TypeVar("_Answer")


class RemoteRun:
    """Implements `RunHandle` over the desk of a live run.

    When the run's process is gone, by its end or by its death, the run's ledger takes its
    place: the screen then shows what has become of it.

    Args:
        desk: Of the run.
        folder: The run folder.
        read_only: Whether to refuse every command.
    """

    def __init__(self, desk: RunDesk, folder: Path, *, read_only: bool = False) -> None:
        self._desk = desk
        self._folder = folder
        self._read_only = read_only
        self._queues: dict[str, tuple[Unit, ...]] = {}
        self._units: Sequence[Unit] = ()
        self._past: PastRun | None = None
        self._ending = threading.Lock()

    def snapshot(self) -> RunSnapshot:
        """See `RunHandle.snapshot`."""
        return self._ask(self._desk.snapshot, lambda past: past.snapshot())

    def events_after(self, sequence: int) -> tuple[Event, ...]:
        """See `RunHandle.events_after`."""
        return self._ask(
            lambda: self._desk.events_after(sequence), lambda past: past.events_after(sequence)
        )

    def queue(self, device: str) -> tuple[Unit, ...]:
        """See `RunHandle.queue`."""
        known = self._queues.get(device, ())
        news = self._ask(
            lambda: self._desk.queue_unless(device, fingerprint(known)),
            lambda past: past.queue(device),
        )
        if news is None:
            return known
        self._queues[device] = news
        return news

    def units(self) -> Sequence[Unit]:
        """See `RunHandle.units`; they cross over once."""
        if not self._units:
            self._units = self._ask(self._desk.units, lambda past: past.units())
        return self._units

    def places(self, known: int) -> Places | None:
        """See `RunHandle.places`."""
        return self._ask(lambda: self._desk.places(known), lambda past: past.places(known))

    def log_folder(self) -> Path:
        """See `RunHandle.log_folder`."""
        return self._folder / LOGS_FOLDER

    def execute(self, command: Command) -> Outcome:
        """See `RunHandle.execute`."""
        if self._read_only:
            return READ_ONLY
        return self._ask(lambda: self._desk.execute(command), lambda past: past.execute(command))

    def summary(self) -> RunSummary | None:
        """See `RunHandle.summary`."""
        return self._ask(self._desk.summary, lambda past: past.summary())

    def _ask(self, live: Callable[[], _Answer], over: Callable[[PastRun], _Answer]) -> _Answer:
        """Ask the run, or its ledger if its process is gone."""
        if self._past is None:
            try:
                return live()
            except (EOFError, OSError):
                with self._ending:
                    self._past = self._past or PastRun(self._folder)
        return over(self._past)


def attach(folder: Path, *, read_only: bool = False) -> RemoteRun | PastRun:
    """Return a run that this or another process of the user works on, or worked on to its end.

    Raises:
        UserError: There is no run in the folder, its process was killed, or it cannot be
            reached from here.
    """
    point = AttachPoint.read(folder)
    desk = reach(point, folder) if point is not None else None
    if desk is not None:
        return RemoteRun(desk, folder, read_only=read_only)
    past = PastRun(folder)
    if past.died:
        holder = lock_holder(folder)
        if holder is not None and psutil.pid_exists(holder.pid):
            raise UserError(f"{folder} is in use by {holder}, which cannot be attached to (yet)")
        raise UserError(
            f"{past.summary().stop_reason}: continue it with `tui-balancer resume {folder}`"
        )
    return past
