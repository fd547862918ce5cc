"""Runs a person's command when something happens to a run; it can never hurt the run."""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

import msgspec

from tui_balancer.monitoring.alerts import Alert, AlertBook, notification
from tui_balancer.view.handle import RunHandle
from tui_balancer.view.status import status_of

POLL_SECONDS: Final = 1.0

COMMAND_SECONDS: Final = 30.0
"""A command that takes longer is killed."""

END_SECONDS: Final = 10.0
"""The same for the command at the end, for which the program waits."""

LOG_NAME: Final = "notify.log"
"""What the commands print, in the folder of the logs."""

_log = logging.getLogger(__name__)


class Notifier:
    """Follows a run and sends notifications.

    Args:
        command: A line of shell, which gets a JSON object on its standard input.
    """

    def __init__(self, run: RunHandle, command: str) -> None:
        self._run = run
        self._command = command
        self._book = AlertBook()
        self._seen = 0
        self._process: subprocess.Popen[bytes] | None = None
        self._kill_at = 0.0

    def watch(self, wait: Callable[[float], bool]) -> None:
        """Send notifications until the run has ended.

        Args:
            wait: Waits for the end of the run for at most this many seconds; True if it has ended.
        """
        over = False
        while not over:
            over = wait(POLL_SECONDS)
            now = time.monotonic()
            events = self._run.events_after(self._seen)
            if events:
                self._seen = events[-1].sequence
                self._book.note_events(events)
            self._book.note_held(self._run.snapshot().trouble, now)
            if not over and self._free(now) and (alerts := self._book.due(now)):
                self._send(alerts)
        summary = self._run.summary()
        assert summary is not None, "a finished run has a summary"
        self._free(time.monotonic(), patience=END_SECONDS)
        self._send(self._book.ended(summary))
        self._free(time.monotonic(), patience=END_SECONDS)

    def _free(self, now: float, patience: float = 0.0) -> bool:
        """Whether no command runs; kill one that takes too long.

        Args:
            now: The time.
            patience: Seconds to wait for it, after which it is killed at once.
        """
        process = self._process
        if process is None:
            return True
        try:
            code = process.wait(patience)
        except subprocess.TimeoutExpired:
            if not patience and now < self._kill_at:
                return False
            _log.warning("the notification command takes too long and is killed")
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        else:
            if code:
                _log.warning("the notification command failed with exit code %s", code)
        self._process = None
        return True

    def _send(self, alerts: tuple[Alert, ...]) -> None:
        status = status_of(self._run.snapshot())
        content = msgspec.to_builtins(notification(alerts, status, self._run.summary()))
        log = self._run.log_folder() / LOG_NAME
        try:
            self._process = _started(self._command, json.dumps(content).encode(), log)
        except OSError:
            _log.warning("the notification command cannot be started", exc_info=True)
        self._kill_at = time.monotonic() + COMMAND_SECONDS


def _started(command: str, content: bytes, log: Path) -> subprocess.Popen[bytes]:
    """Start a command in a process group of its own.

    Its standard input is a file, so that a command that reads nothing holds up nobody.
    """
    with tempfile.TemporaryFile() as message, log.open("ab") as output:
        message.write(content)
        message.seek(0)
        return subprocess.Popen(
            command,
            shell=True,
            stdin=message,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
