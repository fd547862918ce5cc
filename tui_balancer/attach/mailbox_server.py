"""Answers letters to a live run."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

from msgspec import DecodeError

from tui_balancer import __version__
from tui_balancer.attach.letters import (
    ANSWER,
    REQUEST,
    SUFFIXES,
    NotALetter,
    decode_letter,
    entries,
    mailbox,
    open_folder,
    put,
    read,
)
from tui_balancer.attach.messages import Refusal, Role, decode_request, encode, other_version
from tui_balancer.attach.responder import Responder

POLL_SECONDS: Final = 0.5

MOST_AT_ONCE: Final = 64
"""Letters that are answered in one round; the others wait for the next one."""

MOST_LETTER_BYTES: Final = 32 * 2**20

KEPT_SECONDS: Final = 60.0
"""An answer that nobody fetches is removed after this time."""

LAST_SECONDS: Final = 2.0
"""Time at the end of a run in which its last answers can be fetched."""

_log = logging.getLogger(__name__)


class MailboxServer:
    """Answers the letters in a run folder in a thread, until it is closed.

    Args:
        folder: The run folder.
        responder: Answers requests.
        clock: Seconds that never go back.
    """

    def __init__(
        self, folder: Path, responder: Responder, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._path = mailbox(folder)
        self._responder = responder
        self._clock = clock
        self._answered: dict[str, float] = {}
        self._given_up: set[str] = set()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._serve, name="mailbox", daemon=True)

    def open(self) -> None:
        """Make the folder and remove what a killed run left in it; a failure stops nothing."""
        try:
            self._path.mkdir(exist_ok=True)
            self._sweep()
        except OSError:
            _log.exception("the run cannot be steered from other machines")
            return
        self._thread.start()

    def close(self) -> None:
        """Stop answering, and remove the folder."""
        self._closing.set()
        if self._thread.ident is None:
            return
        self._thread.join()
        until = self._clock() + LAST_SECONDS
        pause = threading.Event()
        with suppress(OSError):
            while self._clock() < until and self._has_answers():
                pause.wait(POLL_SECONDS / 10)
            self._sweep()
            self._path.rmdir()

    def tick(self) -> None:
        """Answer the letters that are there.

        Raises:
            OSError: The folder is gone.
        """
        directory = open_folder(self._path)
        try:
            requests = {name for name in entries(directory) if name.endswith(REQUEST)}
            for name in sorted(requests - self._given_up)[:MOST_AT_ONCE]:
                try:
                    self._answer(name, directory)
                except OSError:
                    _log.warning("cannot answer the letter %s", name, exc_info=True)
                    self._given_up.add(name)
            self._forget(directory)
        finally:
            os.close(directory)

    def _serve(self) -> None:
        while not self._closing.wait(POLL_SECONDS):
            # The run itself notices when its folder is gone.
            with suppress(OSError):
                self.tick()

    def _answer(self, name: str, directory: int) -> None:
        content: bytes | NotALetter
        try:
            content = read(name, MOST_LETTER_BYTES, directory)
        except NotALetter as problem:
            content = problem
        # Before anything is done: a command is never carried out twice.
        os.unlink(name, dir_fd=directory)
        answered = name.removesuffix(REQUEST) + ANSWER
        put(answered, self._response(content), directory)
        self._answered[answered] = self._clock()

    def _response(self, content: bytes | NotALetter) -> bytes:
        try:
            if isinstance(content, NotALetter):
                raise content
            letter = decode_letter(content)
            if letter.version != __version__:
                return encode(other_version(letter.version))
            role = Role.WATCH if letter.read_only else Role.STEER
            return self._responder.respond(decode_request(letter.request), role)
        except (NotALetter, DecodeError) as problem:
            return encode(Refusal(f"Not a request: {problem}"))

    def _forget(self, directory: int) -> None:
        """Remove answers that nobody has fetched."""
        old = self._clock() - KEPT_SECONDS
        for name in [name for name, when in self._answered.items() if when < old]:
            del self._answered[name]
            with suppress(OSError):
                os.unlink(name, dir_fd=directory)

    def _has_answers(self) -> bool:
        directory = open_folder(self._path)
        try:
            return not self._answered.keys().isdisjoint(entries(directory))
        finally:
            os.close(directory)

    def _sweep(self) -> None:
        directory = open_folder(self._path)
        try:
            for name in entries(directory):
                if name.endswith(SUFFIXES):
                    with suppress(OSError):
                        os.unlink(name, dir_fd=directory)
        finally:
            os.close(directory)
