"""A screen's connection to a live run."""

from __future__ import annotations

import socket
import stat
import threading
from pathlib import Path

from msgspec import DecodeError

from tui_balancer import __version__
from tui_balancer.attach.framing import receive, send
from tui_balancer.attach.messages import Hello, Question, Refusal, Value, decode_answer, encode
from tui_balancer.attach.point import AttachPoint, belongs_to_other, require_own
from tui_balancer.errors import UserError
from tui_balancer.workers.wire.peers import OtherUser, require_same_user

_HELLO_SECONDS = 30.0
_MOST_ANSWER_BYTES = 2**32


class Reconnected(Exception):
    """The connection was lost and restored; whether the request arrived is unknown."""


class Connection:
    """Sends requests to a live run, one at a time; thread-safe.

    Args:
        point: Where the run is.
        folder: The run folder, as the person wrote it.
        read_only: Whether to use the key that allows no commands.

    Raises:
        EOFError: The run's process is gone.
        OSError: The run's process is gone.
        UserError: The socket is another user's, the run refuses, or does not answer.
    """

    def __init__(self, point: AttachPoint, folder: Path, *, read_only: bool) -> None:
        self._point = point
        self._folder = folder
        self._hello = Hello(__version__, point.watch_key if read_only else point.steer_key)
        self._lock = threading.Lock()
        self._socket = self._connected(_HELLO_SECONDS)

    def ask(self, question: Question[Value]) -> Value:
        """Return the run's answer.

        Raises:
            Reconnected: The run had given up this screen, which may ask again now.
            EOFError: The run's process is gone.
            OSError: The run's process is gone.
            UserError: The run refuses the question, or the answer is not understood.
        """
        message = encode(question)
        with self._lock:
            try:
                answer = _exchange(self._socket, message)
            except (EOFError, OSError) as problem:
                self._socket.close()
                self._socket = self._connected(None)
                raise Reconnected from problem
        return value_of(question, answer, self._folder)

    def close(self) -> None:
        """Close the connection."""
        self._socket.close()

    def _connected(self, patience: float | None) -> socket.socket:
        """Return a socket that leads to the run, checked before a byte is sent or read."""
        address = Path(self._point.address)
        for path, is_kind in ((address.parent, stat.S_ISDIR), (address, stat.S_ISSOCK)):
            status = path.lstat()
            require_own(path, status, self._folder)
            if not is_kind(status.st_mode):
                raise UserError(f"{path} is not a socket. {self._folder} cannot be attached to.")
        connection = socket.socket(socket.AF_UNIX)
        try:
            connection.connect(self._point.address)
            require_same_user(connection)
            answer = _exchange(connection, encode(self._hello), patience)
            value_of(self._hello, answer, self._folder)
        except OtherUser as problem:
            connection.close()
            raise belongs_to_other(self._folder, problem.user) from problem
        except TimeoutError as problem:
            connection.close()
            raise UserError(
                f"The run in {self._folder} does not answer. If process {self._point.pid} is "
                f"suspended, resume it with `kill -CONT {self._point.pid}`."
            ) from problem
        except BaseException:
            connection.close()
            raise
        return connection


def value_of(question: Question[Value], answer: bytes | bytearray, folder: Path) -> Value:
    """Return the value of an encoded answer.

    Args:
        folder: The run folder, as the person wrote it.

    Raises:
        UserError: The run refuses the question, or the answer is not understood.
    """
    try:
        value = decode_answer(type(question), answer)
    except DecodeError as problem:
        raise UserError(
            f"The run in {folder} answers in another format ({problem}). "
            "Attach with the version of tui-balancer that runs it."
        ) from problem
    if isinstance(value, Refusal):
        raise UserError(f"Cannot attach to {folder}: {value.reason}")
    return value


def _exchange(
    connection: socket.socket, message: bytes, patience: float | None = None
) -> bytearray:
    send(connection, message, stall=patience)
    return receive(connection, _MOST_ANSWER_BYTES, wait=patience, stall=patience)
