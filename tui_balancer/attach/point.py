"""The attach file: the address of a live run, readable only by its user."""

from __future__ import annotations

import errno
import os
import stat
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from tui_balancer.errors import UserError
from tui_balancer.run_folder.names import ATTACH_FILE
from tui_balancer.workers.wire.peers import user_name

_MOST_BYTES = 65536


class OutOfReach(UserError):
    """A run's socket is another user's, or on another machine."""


@dataclass(frozen=True, slots=True)
class AttachPoint:
    """The address and the keys of a live run.

    Attributes:
        host: The machine that it runs on: its socket is of no use on another one.
        address: Of the unix socket.
        steer_key: Opens everything.
        watch_key: Opens everything but commands.
    """

    host: str
    pid: int
    address: str
    steer_key: bytes = field(repr=False)
    watch_key: bytes = field(repr=False)

    def write(self, folder: Path) -> None:
        """Write it into a run folder, at no moment readable by anybody else.

        Raises:
            OSError: It cannot be written.
        """
        temporary = folder / f".{ATTACH_FILE}.{self.pid}"
        temporary.unlink(missing_ok=True)
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(msgspec.json.encode(self))
        temporary.replace(folder / ATTACH_FILE)

    @classmethod
    def read(cls, folder: Path) -> AttachPoint | None:
        """Return the address of a folder's run; None if no process works on it.

        Anybody who can write to the folder can put another file there, so only a file of this user
        that no other user can change is read.

        Raises:
            UserError: The file is another user's, can be changed by others, or is damaged.
        """
        path = folder / ATTACH_FILE
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except FileNotFoundError:
            return None
        except OSError as problem:
            raise _unreadable(path, problem) from problem
        with os.fdopen(descriptor, "rb") as file:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise UserError(f"{path} is not a regular file. The run cannot be attached to.")
            if status.st_uid != os.geteuid():
                raise belongs_to_other(folder, status.st_uid)
            require_own(path, status, folder)
            content = file.read(_MOST_BYTES)
        try:
            return msgspec.json.decode(content, type=cls)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as problem:
            raise UserError(
                f"{path} is damaged, or of another version of tui-balancer. "
                "The run cannot be attached to."
            ) from problem


def belongs_to_other(folder: Path, user: int) -> OutOfReach:
    """Return the refusal of a run folder that is another user's."""
    name = user_name(user)
    return OutOfReach(f"{folder} belongs to {name}. Only {name} can attach to this run.")


def require_own(path: Path, status: os.stat_result, folder: Path) -> None:
    """Refuse a file that is not this user's, or that others can change.

    Args:
        path: The attach file, or what it leads to.
        folder: The run folder, as the person wrote it.

    Raises:
        UserError: It is not so.
    """
    if status.st_uid != os.geteuid():
        raise UserError(
            f"{path} belongs to {user_name(status.st_uid)}. {folder} cannot be attached to."
        )
    if status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        mode = stat.S_IMODE(status.st_mode)
        raise UserError(
            f"Other users can change {path} (mode {mode:04o}). {folder} cannot be attached to."
        )


def _unreadable(path: Path, problem: OSError) -> UserError:
    try:
        status = path.lstat()
    except OSError:
        return UserError(f"Cannot read {path}: {problem.strerror}.")
    if status.st_uid != os.geteuid():
        return belongs_to_other(path.parent, status.st_uid)
    if problem.errno == errno.ELOOP:
        return UserError(f"{path} is a symbolic link. The run cannot be attached to.")
    return UserError(f"Cannot read {path}: {problem.strerror}.")
