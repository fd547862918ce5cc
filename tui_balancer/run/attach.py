"""The door of a live run: how another process of the same user finds it, and what it may ask."""

from __future__ import annotations

import json
import logging
import os
import socket
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing import AuthenticationError
from multiprocessing.managers import BaseManager
from pathlib import Path
from typing import cast

from tui_balancer.balance.commands import Command, Outcome
from tui_balancer.balance.events import Event
from tui_balancer.balance.model import Unit
from tui_balancer.balance.observation import Places
from tui_balancer.errors import UserError
from tui_balancer.run.handle import RunHandle, RunSnapshot, RunSummary
from tui_balancer.workers.queues import SharedWorkQueues

ATTACH_FILE = "attach.json"
"""In the run folder while the run is live, for its owner's eyes only."""

DESK = "run"
"""Name under which the manager of the shared queues serves the run as well."""

DESK_METHODS = ("snapshot", "events_after", "queue_unless", "units", "places", "execute", "summary")

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class AttachPoint:
    """Where a live run is reached, as its run folder tells.

    Attributes:
        host: The machine that it runs on: its socket is of no use on another one.
        pid: Its app process.
        address: Of the unix socket.
        authkey: Without it the run hangs up.
    """

    host: str
    pid: int
    address: str
    authkey: bytes = field(repr=False)

    def write(self, folder: Path) -> None:
        """Write it into a run folder, at no moment readable by anybody else.

        Raises:
            OSError: It cannot be written.
        """
        temporary = folder / f".{ATTACH_FILE}.{self.pid}"
        temporary.unlink(missing_ok=True)
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            json.dump(
                {
                    "host": self.host,
                    "pid": self.pid,
                    "address": self.address,
                    "authkey": self.authkey.hex(),
                },
                file,
            )
        temporary.replace(folder / ATTACH_FILE)

    @classmethod
    def read(cls, folder: Path) -> AttachPoint | None:
        """Return where the run of a folder is reached; None when there is no word of a live one.

        Raises:
            UserError: The word is there but not to be understood, or not by this user.
        """
        path = folder / ATTACH_FILE
        try:
            said = json.loads(path.read_text())
            return cls(said["host"], said["pid"], said["address"], bytes.fromhex(said["authkey"]))
        except FileNotFoundError:
            return None
        except OSError as problem:
            raise UserError(f"cannot read {path}: {problem.strerror}") from problem
        except (ValueError, KeyError, TypeError) as problem:
            raise UserError(f"{path} is damaged: the run cannot be attached to") from problem


class RunDesk:
    """What an attached screen may call: a `RunHandle` that sends no queue twice."""

    def __init__(self, run: RunHandle) -> None:
        self._run = run

    def snapshot(self) -> RunSnapshot:
        """See `RunHandle.snapshot`."""
        return self._run.snapshot()

    def events_after(self, sequence: int) -> tuple[Event, ...]:
        """See `RunHandle.events_after`."""
        return self._run.events_after(sequence)

    def queue_unless(self, device: str, known: int | None) -> tuple[Unit, ...] | None:
        """Return the units waiting for a device, or None if they are what the caller knows.

        Screens ask several times a second, and a queue can hold a hundred thousand units.

        Args:
            device: The device.
            known: `fingerprint` of what the caller has.
        """
        units = self._run.queue(device)
        return None if fingerprint(units) == known else units

    def units(self) -> Sequence[Unit]:
        """See `RunHandle.units`."""
        return self._run.units()

    def places(self, known: int) -> Places | None:
        """See `RunHandle.places`."""
        return self._run.places(known)

    def execute(self, command: Command) -> Outcome:
        """See `RunHandle.execute`."""
        return self._run.execute(command)

    def summary(self) -> RunSummary | None:
        """See `RunHandle.summary`."""
        return self._run.summary()


def fingerprint(units: tuple[Unit, ...]) -> int:
    """Return a number that two queues of one run share only if they are the same."""
    return hash(tuple(unit.unit_id for unit in units))


class AttachDoor:
    """Lets attached screens at a run, through the socket that its workers use.

    Args:
        run: The run.
        queues: The shared queues of its workers.
        manager: Serves them.
        folder: The run folder.
    """

    def __init__(
        self, run: RunHandle, queues: SharedWorkQueues, manager: BaseManager, folder: Path
    ) -> None:
        # A desk for each screen: the server forgets a shared object when its last screen leaves,
        # which may be while the next one comes.
        type(manager).register(DESK, callable=lambda: RunDesk(run), exposed=DESK_METHODS)
        self._point = AttachPoint(socket.gethostname(), os.getpid(), queues.address, queues.authkey)
        self._folder = folder

    def open(self) -> None:
        """Tell in the run folder how the run is reached; one that cannot be goes on without.

        Whoever opens it holds the folder's lock, so an older word is that of a killed process.
        """
        try:
            for unfinished in self._folder.glob(f".{ATTACH_FILE}.*"):
                unfinished.unlink(missing_ok=True)
            self._point.write(self._folder)
        except OSError:
            _log.exception("the run cannot be attached to")

    def close(self) -> None:
        """Take the word back; screens that are attached stay so until the process ends."""
        with suppress(OSError):
            (self._folder / ATTACH_FILE).unlink(missing_ok=True)


def reach(point: AttachPoint, folder: Path) -> RunDesk | None:
    """Connect to a live run.

    Every thread that uses the desk gets a connection of its own. Its methods raise `EOFError`
    or `OSError` when the run's process is gone.

    Args:
        point: Where it is.
        folder: The run folder, as the person wrote it.

    Returns:
        Its desk, or None when nobody serves there any more.

    Raises:
        UserError: It runs on another machine, or refuses the key.
    """
    if point.host != socket.gethostname():
        raise UserError(
            f"process {point.pid} on {point.host} works on the run in {folder}: attach to it there"
        )

    class DeskClient(BaseManager):
        """Knows the desk's name; which methods it has, the server says."""

    DeskClient.register(DESK)
    client = DeskClient(address=point.address, authkey=point.authkey)
    try:
        client.connect()
        return cast(RunDesk, getattr(client, DESK)())
    except AuthenticationError as problem:
        raise UserError(
            f"the run in {folder} refuses the key in {folder / ATTACH_FILE}: it is not its own"
        ) from problem
    except (EOFError, OSError):
        return None
