"""An attach server over a fake run, and peers that do not keep to the protocol."""

from __future__ import annotations

import os
import socket
import threading
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.fake_run import FakeRun
from tests.support.pictures import RUNNING
from tui_balancer import __version__
from tui_balancer.attach.client import AttachClient, reach
from tui_balancer.attach.connection import Connection
from tui_balancer.attach.framing import receive, send
from tui_balancer.attach.messages import Hello, encode
from tui_balancer.attach.point import AttachPoint
from tui_balancer.attach.server import AttachServer
from tui_balancer.workers.wire.socket_folder import private_folder

DEADLINE_SECONDS = 200.0


@dataclass
class ServedRun:
    """A fake run that can be attached to.

    Attributes:
        folder: The run folder.
        run: The run.
        patience: Of its server, in seconds.
    """

    folder: Path
    run: FakeRun = field(default_factory=lambda: FakeRun(RUNNING))
    patience: float = DEADLINE_SECONDS

    def __post_init__(self) -> None:
        self._others = set(threading.enumerate())
        sockets = private_folder()
        self.server = AttachServer(self.run, self.folder, sockets, patience=self.patience)
        self.server.open()

    @property
    def point(self) -> AttachPoint:
        found = AttachPoint.read(self.folder)
        assert found is not None
        return found

    def client(self, *, read_only: bool = False) -> AttachClient:
        """Return a screen's end."""
        connection = reach(self.point, self.folder, read_only=read_only)
        assert connection is not None
        return AttachClient(connection, self.folder)

    def connection(self) -> Connection:
        """Return what a screen's end asks through."""
        return Connection(self.point, self.folder, read_only=False)

    def stranger(self) -> socket.socket:
        """Return a connection on which nothing has been said."""
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(DEADLINE_SECONDS)
        connection.connect(self.point.address)
        return connection

    def greeted(self) -> socket.socket:
        """Return a connection that may steer, to be used by hand."""
        connection = self.stranger()
        send(connection, encode(Hello(__version__, self.point.steer_key)), stall=DEADLINE_SECONDS)
        received(connection)
        return connection

    def wait_until_all_have_left(self) -> None:
        """Wait until the server has let go of every client."""
        for thread in set(threading.enumerate()) - self._others:
            if thread.name == "attached-screen":
                while thread.ident is None:
                    # It is only just being started, and cannot be joined before.
                    os.sched_yield()
                thread.join(DEADLINE_SECONDS)
                assert not thread.is_alive()


def received(connection: socket.socket) -> bytearray:
    """Return the next message of a connection.

    Raises:
        EOFError: It was closed.
    """
    return receive(connection, 2**32, wait=DEADLINE_SECONDS, stall=DEADLINE_SECONDS)
