"""Letters: requests and answers as files in a folder, where no socket reaches a run.

A client puts a request there under a name that it draws, and the run answers with a file of that
name. Any user who may write to the folder may steer the run: the file system decides who that is.
Files appear whole, by rename. Both sides list the folder instead of opening names that may not
exist yet: a network file system remembers absent names for seconds, but asks the server for the
entries of a folder each time it is opened.
"""

from __future__ import annotations

import os
import secrets
import stat
from contextlib import suppress
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from tui_balancer.run_folder.names import MAILBOX_FOLDER

REQUEST: Final = ".request"
ANSWER: Final = ".answer"
UNFINISHED: Final = ".tmp"
SUFFIXES: Final = (REQUEST, ANSWER, UNFINISHED)


class Letter(Struct, frozen=True, forbid_unknown_fields=True):
    """A request in a file.

    Attributes:
        version: Of the program: the messages are those of one version.
        request: The encoded request.
        read_only: Whether the client gives up the right to steer.
    """

    version: str
    request: bytes
    read_only: bool


class NotALetter(ValueError):
    """A file is none; the message says why."""


encode_letter = msgspec.msgpack.Encoder().encode
decode_letter = msgspec.msgpack.Decoder(Letter).decode


def mailbox(folder: Path) -> Path:
    """Return the folder of a run's letters."""
    return folder / MAILBOX_FOLDER


def draw_name() -> str:
    """Return a name that nobody else draws."""
    return secrets.token_hex(16)


def put(name: str, content: bytes, directory: int) -> None:
    """Write a file, which appears whole.

    Args:
        directory: Descriptor of its folder.

    Raises:
        OSError: It cannot be written.
    """
    unfinished = f"{name}{UNFINISHED}"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    descriptor = os.open(unfinished, flags, 0o600, dir_fd=directory)
    try:
        with os.fdopen(descriptor, "wb") as file:
            # The reader may be another user. Who gets here at all is decided by the folders above.
            os.fchmod(descriptor, 0o644)
            file.write(content)
        os.rename(unfinished, name, src_dir_fd=directory, dst_dir_fd=directory)
    except BaseException:
        with suppress(OSError):
            os.unlink(unfinished, dir_fd=directory)
        raise


def read(name: str, most: int, directory: int) -> bytes:
    """Return the content of a file.

    Args:
        most: Bytes that it may have.
        directory: Descriptor of its folder.

    Raises:
        NotALetter: It is no regular file that this user may read, or too long.
    """
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        descriptor = os.open(name, flags, dir_fd=directory)
        with os.fdopen(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise NotALetter(f"{name} is no regular file")
            content = file.read(most + 1)
    except OSError as problem:
        raise NotALetter(f"{name} cannot be read: {problem.strerror}") from None
    if len(content) > most:
        raise NotALetter(f"{name} is longer than {most:,} bytes")
    return content


def entries(directory: int) -> list[str]:
    """Return the names in a folder.

    Args:
        directory: Its descriptor.
    """
    with os.scandir(directory) as found:
        return [one.name for one in found]


def open_folder(path: Path) -> int:
    """Return a descriptor of a folder, which is not a link.

    Raises:
        OSError: It is not there, or none.
    """
    return os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
