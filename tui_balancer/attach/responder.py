"""Answers requests about a live run, wherever they come from."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from threading import Lock
from typing import Any, Final

from tui_balancer.attach.messages import Answer, AskStatus, Refusal, Request, Role, encode
from tui_balancer.scheduler.commands import Outcome
from tui_balancer.view.handle import RunHandle

READ_ONLY: Final = Outcome(
    False, "This screen is read-only. Attach without --read-only to control the run."
)

STATUS_SECONDS: Final = 0.25
"""A status is shared by all who ask within this time, unless a command has changed the run."""

_log = logging.getLogger(__name__)


class Responder:
    """Turns requests into answers; thread-safe.

    Args:
        clock: Seconds that never go back.
    """

    def __init__(self, run: RunHandle, clock: Callable[[], float] = time.monotonic) -> None:
        self._run = run
        self._clock = clock
        self._lock = Lock()
        self._status = b""
        self._status_until = 0.0

    def respond(self, request: Request[Any], role: Role) -> bytes:
        """Return the encoded answer to a request of somebody with this role."""
        if request.steers and role is not Role.STEER:
            return encode(Answer(READ_ONLY))
        if isinstance(request, AskStatus):
            return self._current_status(request)
        answer = self._answer(request)
        if request.steers:
            # What follows a command shows what it did.
            with self._lock:
                self._status_until = 0.0
        return encode(answer)

    def _current_status(self, request: AskStatus) -> bytes:
        with self._lock:
            if self._clock() >= self._status_until:
                answer = self._answer(request)
                self._status = encode(answer)
                self._status_until = self._clock() + STATUS_SECONDS
            return self._status

    def _answer(self, request: Request[Any]) -> Answer[Any] | Refusal:
        try:
            return Answer(request.answer(self._run))
        except Exception as problem:
            _log.exception("cannot answer %s", request)
            return Refusal(f"The run cannot answer: {problem!r}")
