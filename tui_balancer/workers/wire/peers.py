"""Identifies the peer of a unix socket, as reported by the kernel."""

from __future__ import annotations

import os
import pwd
import socket
import struct

_LOCAL_PEERCRED = 1
"""Socket option of macOS and the BSDs, which Python does not define."""

_XUCRED_BYTES = 76


class OtherUser(PermissionError):
    """The peer process belongs to another user.

    Attributes:
        user: The user's uid.
    """

    def __init__(self, user: int) -> None:
        super().__init__(f"the other end of the socket belongs to {user_name(user)}")
        self.user = user


def require_same_user(connection: socket.socket) -> None:
    """Check that the peer of a connected unix socket is a process of this user.

    Raises:
        OtherUser: It is not; root is another user too.
        OSError: The kernel does not report it.
    """
    user = peer_user(connection)
    if user != os.geteuid():
        raise OtherUser(user)


def peer_user(connection: socket.socket) -> int:
    """Return the uid of the peer of a connected unix socket.

    Raises:
        OSError: The kernel does not report it.
    """
    if hasattr(socket, "SO_PEERCRED"):
        credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
        _process, user, _group = struct.unpack("iII", credentials)
    else:
        credentials = connection.getsockopt(0, _LOCAL_PEERCRED, _XUCRED_BYTES)
        _version, user = struct.unpack_from("II", credentials)
    return int(user)


def user_name(user: int) -> str:
    """Return the name of a user; `user 1234` if unknown."""
    try:
        return pwd.getpwuid(user).pw_name
    except KeyError:
        return f"user {user}"
