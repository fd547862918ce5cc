"""Serves a live run to screens of other processes."""

from __future__ import annotations

import hmac
import logging
import os
import secrets
import socket
import threading
import time
from contextlib import suppress
from functools import partial
from math import inf
from pathlib import Path

from msgspec import DecodeError

from tui_balancer import __version__
from tui_balancer.attach.framing import MessageTooLong, receive, send
from tui_balancer.attach.mailbox_server import MailboxServer
from tui_balancer.attach.messages import (
    Answer,
    AskStatus,
    Hello,
    Refusal,
    Role,
    decode_hello,
    decode_request,
    encode,
    other_version,
)
from tui_balancer.attach.point import AttachPoint
from tui_balancer.attach.responder import Responder
from tui_balancer.run_folder.names import ATTACH_FILE
from tui_balancer.view.handle import RunHandle
from tui_balancer.workers.wire.peers import OtherUser, require_same_user

SOCKET_NAME = "attach"

MOST_CLIENTS = 64
_MOST_HELLO_BYTES = 4096
_MOST_REQUEST_BYTES = 32 * 2**20
"""A command that names a million files takes 5 MB."""

STATUS_PAUSE_SECONDS = 0.05
"""Minimum seconds between two answers about the status on one connection: many clients in a loop
take little of the run's time."""

_AFTER_ACCEPT_FAILED_SECONDS = 1.0

_log = logging.getLogger(__name__)


class AttachServer:
    """Answers attached screens, each in its own thread, until the process ends.

    Only processes of the run's user are let in, by the kernel's word and before they are read.
    What they send is data; what is none of the requests is refused and ends the connection. A
    screen that stalls is given up, and holds up neither the run nor other screens.

    Args:
        folder: The run folder, which tells screens where the socket is.
        socket_folder: Where the socket comes: a folder that only this user may enter.
        patience: Seconds without progress after which a screen is given up that has begun to
            send or to read a message, or has not said hello.
    """

    def __init__(
        self, run: RunHandle, folder: Path, socket_folder: Path, *, patience: float = 30.0
    ) -> None:
        self._responder = Responder(run)
        self._mailbox = MailboxServer(folder, self._responder)
        self._folder = folder
        self._patience = patience
        self._point = AttachPoint(
            socket.gethostname(),
            os.getpid(),
            str(socket_folder / SOCKET_NAME),
            steer_key=secrets.token_bytes(32),
            watch_key=secrets.token_bytes(32),
        )
        self._clients = threading.BoundedSemaphore(MOST_CLIENTS)

    def open(self) -> None:
        """Listen, and write the address into the run folder; a failure does not stop the run.

        The caller holds the folder's lock, so an older attach file is from a killed process.
        """
        self._mailbox.open()
        try:
            listener = self._listen()
            for unfinished in self._folder.glob(f".{ATTACH_FILE}.*"):
                unfinished.unlink(missing_ok=True)
            self._point.write(self._folder)
        except OSError:
            _log.exception("the run cannot be attached to")
            return
        threading.Thread(
            target=self._accept, args=(listener,), name="attach-server", daemon=True
        ).start()

    def close(self) -> None:
        """Remove the attach file; screens that are attached stay so until the process ends."""
        with suppress(OSError):
            (self._folder / ATTACH_FILE).unlink(missing_ok=True)
        self._mailbox.close()

    def _listen(self) -> socket.socket:
        listener = socket.socket(socket.AF_UNIX)
        try:
            listener.bind(self._point.address)
            Path(self._point.address).chmod(0o600)
            listener.listen(MOST_CLIENTS)
        except OSError:
            listener.close()
            raise
        return listener

    def _accept(self, listener: socket.socket) -> None:
        pause = threading.Event()
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                # No descriptor is left: others may be given back.
                pause.wait(_AFTER_ACCEPT_FAILED_SECONDS)
                continue
            if not self._clients.acquire(blocking=False):
                connection.close()
                continue
            serving = threading.Thread(
                target=self._serve, args=(connection,), name="attached-screen", daemon=True
            )
            try:
                serving.start()
            except RuntimeError:
                # The system allows no more threads.
                connection.close()
                self._clients.release()

    def _serve(self, connection: socket.socket) -> None:
        try:
            with connection:
                self._converse(connection)
        except OtherUser as stranger:
            _log.warning("not attached: %s", stranger)
        except (EOFError, OSError):
            # It is gone or stalls: a live screen connects again.
            _log.debug("a screen has left", exc_info=True)
        except Exception:
            _log.exception("a screen was cut off by an error of this program")
        finally:
            self._clients.release()

    def _converse(self, connection: socket.socket) -> None:
        require_same_user(connection)
        patience = self._patience
        say = partial(send, connection, stall=patience)
        try:
            hello = decode_hello(
                receive(connection, _MOST_HELLO_BYTES, wait=patience, stall=patience)
            )
            role = self._role(hello)
            if role is None:
                say(encode(_refused(hello)))
                return
            say(encode(Answer(role)))
            answered = -inf
            while True:
                message = receive(connection, _MOST_REQUEST_BYTES, wait=None, stall=patience)
                request = decode_request(message)
                if isinstance(request, AskStatus):
                    # A client that asks without a pause gets one.
                    time.sleep(max(0.0, answered + STATUS_PAUSE_SECONDS - time.monotonic()))
                    answered = time.monotonic()
                say(self._responder.respond(request, role))
        except (DecodeError, MessageTooLong) as problem:
            say(encode(Refusal(f"Not a request: {problem}")))

    def _role(self, hello: Hello) -> Role | None:
        if hello.version == __version__:
            for role, key in (
                (Role.STEER, self._point.steer_key),
                (Role.WATCH, self._point.watch_key),
            ):
                if hmac.compare_digest(hello.key, key):
                    return role
        return None


def _refused(hello: Hello) -> Refusal:
    if hello.version != __version__:
        return other_version(hello.version)
    return Refusal(f"The key in {ATTACH_FILE} is not the run's.")
