"""Who is at the other end of a unix socket, by the kernel's word."""

from __future__ import annotations

import os
import pwd
import socket
import struct

_LOCAL_PEERCRED = 1
"""Of macOS and the BSDs; Python has no name for it."""

_XUCRED_BYTES = 76


class OtherUser(PermissionError):
    """The process at the other end is another user's.

    Attributes:
        user: Their number.
    """

    def __init__(self, user: int) -> None:
        super().__init__(f"the other end of the socket belongs to {user_name(user)}")
        self.user = user


def require_same_user(connection: socket.socket) -> None:
    """See that the other end of a connected unix socket is a process of this user.

    Raises:
        OtherUser: It is not; root is another user, too.
        OSError: The kernel does not tell.
    """
    user = peer_user(connection)
    if user != os.geteuid():
        raise OtherUser(user)


def peer_user(connection: socket.socket) -> int:
    """Return the number of the user at the other end of a connected unix socket.

    Raises:
        OSError: The kernel does not tell.
    """
    if hasattr(socket, "SO_PEERCRED"):
        credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
        _process, user, _group = struct.unpack("iII", credentials)
    else:
        credentials = connection.getsockopt(0, _LOCAL_PEERCRED, _XUCRED_BYTES)
        _version, user = struct.unpack_from("II", credentials)
    return int(user)


def user_name(user: int) -> str:
    """Return what a user is called; `user 1234` where nobody knows."""
    try:
        return pwd.getpwuid(user).pw_name
    except KeyError:
        return f"user {user}"
