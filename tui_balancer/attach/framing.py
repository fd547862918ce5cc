"""Messages on a stream socket: four bytes of length, then as many bytes."""

from __future__ import annotations

import socket
import struct

_HEADER = struct.Struct(">I")
_CHUNK_BYTES = 2**20


class MessageTooLong(ValueError):
    """A peer announces a longer message than it may send."""


def send(connection: socket.socket, message: bytes, *, stall: float | None) -> None:
    """Send a message.

    Args:
        message: At most 4 GiB.
        stall: Seconds without progress after which to give up; None to wait.

    Raises:
        OSError: The peer is gone, or stalls.
    """
    connection.settimeout(stall)
    connection.sendall(_HEADER.pack(len(message)))
    view = memoryview(message)
    # A timeout is for one call: a long message may take as long as it makes progress.
    for first in range(0, len(message), _CHUNK_BYTES):
        connection.sendall(view[first : first + _CHUNK_BYTES])


def receive(
    connection: socket.socket,
    most: int,
    *,
    wait: float | None,
    stall: float | None,
) -> bytearray:
    """Return the next message.

    Args:
        most: Bytes that it may have.
        wait: Seconds to wait for its first byte; None for any time.
        stall: Seconds without progress after which to give up then; None to wait.

    Raises:
        EOFError: The peer is gone.
        MessageTooLong: It announces more than `most` bytes, none of which is read.
        OSError: The connection is broken, or the peer stalls.
    """
    connection.settimeout(wait)
    header = _read(connection, 1)
    connection.settimeout(stall)
    header += _read(connection, _HEADER.size - 1)
    (length,) = _HEADER.unpack(header)
    if length > most:
        raise MessageTooLong(f"a message of {length:,} bytes, {most:,} at most are taken")
    return _read(connection, length)


def _read(connection: socket.socket, length: int) -> bytearray:
    """Return this many bytes; memory grows with the received bytes, not the announced ones."""
    received = bytearray()
    while len(received) < length:
        chunk = connection.recv(min(_CHUNK_BYTES, length - len(received)))
        if not chunk:
            raise EOFError("the other end has closed the connection")
        received += chunk
    return received
