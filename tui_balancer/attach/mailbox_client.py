"""Asks a live run by letters, where its socket cannot be reached."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

from tui_balancer import __version__
from tui_balancer.attach.connection import Reconnected, value_of
from tui_balancer.attach.letters import (
    ANSWER,
    REQUEST,
    Letter,
    NotALetter,
    draw_name,
    encode_letter,
    entries,
    mailbox,
    open_folder,
    put,
    read,
)
from tui_balancer.attach.messages import Question, Value, encode
from tui_balancer.errors import UserError

ANSWER_SECONDS: Final = 20.0
"""Time for an answer: a network file system shows a new file after some seconds."""

_POLL_SECONDS: Final = 0.1
_MOST_ANSWER_BYTES: Final = 2**32


def may_write(folder: Path) -> bool:
    """Whether a run takes letters from this user."""
    return os.access(mailbox(folder), os.W_OK | os.X_OK)


class MailboxConnection:
    """Sends requests to a live run as letters, one at a time.

    Args:
        folder: The run folder, as the person wrote it.
        read_only: Whether every command is refused.
    """

    def __init__(self, folder: Path, *, read_only: bool) -> None:
        self._folder = folder
        self._read_only = read_only

    def ask(self, question: Question[Value]) -> Value:
        """Return the run's answer.

        Raises:
            Reconnected: The letter was taken, but no answer came.
            OSError: The run has ended.
            UserError: The run does not answer, refuses the question, or is not understood.
        """
        directory = open_folder(mailbox(self._folder))
        try:
            return value_of(question, self._exchange(encode(question), directory), self._folder)
        finally:
            os.close(directory)

    def close(self) -> None:
        """Nothing stays open between two requests."""

    def _exchange(self, request: bytes, directory: int) -> bytes:
        name = draw_name()
        letter = encode_letter(Letter(__version__, request, self._read_only))
        put(f"{name}{REQUEST}", letter, directory)
        until = time.monotonic() + ANSWER_SECONDS
        while f"{name}{ANSWER}" not in self._entries():
            if time.monotonic() >= until:
                self._withdraw(f"{name}{REQUEST}", directory)
            time.sleep(_POLL_SECONDS)
        try:
            answer = read(f"{name}{ANSWER}", _MOST_ANSWER_BYTES, directory)
        except NotALetter as problem:
            raise UserError(f"The run in {self._folder} gives no answer: {problem}.") from problem
        # One that cannot be removed is removed by the run after a while.
        with suppress(OSError):
            os.unlink(f"{name}{ANSWER}", dir_fd=directory)
        return answer

    def _entries(self) -> list[str]:
        """Return the entries of the mailbox, which is opened each time.

        Raises:
            Reconnected: The mailbox is gone, and the letter with it.
        """
        try:
            directory = open_folder(mailbox(self._folder))
        except OSError as problem:
            raise Reconnected from problem
        try:
            return entries(directory)
        finally:
            os.close(directory)

    def _withdraw(self, name: str, directory: int) -> None:
        """Take back a letter that nobody has read.

        Raises:
            Reconnected: It was read.
            UserError: It was not.
        """
        read = True
        with suppress(FileNotFoundError):
            os.unlink(name, dir_fd=directory)
            read = False
        if read:
            raise Reconnected
        raise UserError(
            f"The run in {self._folder} does not answer: its process was killed or is suspended, "
            "or the folder is not shared with its machine."
        )
