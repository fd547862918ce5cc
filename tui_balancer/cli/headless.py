"""A run without a screen: a status line every few seconds, and a line per event."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from typing import TextIO

from tui_balancer.exit_codes import EXIT_DONE
from tui_balancer.formatting import count
from tui_balancer.view.event_lines import Category, event_line
from tui_balancer.view.handle import Phase, RunHandle, RunSnapshot
from tui_balancer.view.status import progress_parts, status_of
from tui_balancer.view.summary_text import exit_code, summary_lines

STATUS_SECONDS = 5.0
POLL_SECONDS = 0.25

STATUS_SHARE = 20
"""In a long run the status is printed each time the elapsed time has grown by a twentieth, to
keep the log of three days readable."""

STATUS_SECONDS_MOST = 600.0


class HeadlessReporter:
    """Writes the events of a run to a stream until the run ends.

    Args:
        stream: Takes the lines.
        status_seconds: Seconds between two status lines.
        from_now: Leave out earlier events, which were shown elsewhere.
        quiet: Write only problems, and the summary only if the run is not done.
    """

    def __init__(
        self,
        run: RunHandle,
        stream: TextIO,
        *,
        status_seconds: float = STATUS_SECONDS,
        from_now: bool = False,
        quiet: bool = False,
    ) -> None:
        self._run = run
        self._stream = stream
        self._status_seconds = status_seconds
        self._quiet = quiet
        now = run.snapshot()
        self._seen = now.last_event if from_now else 0
        self._trouble = ""

    def watch(self, wait: Callable[[float], bool]) -> None:
        """Report until the run ends, then print the summary.

        Args:
            wait: Waits for the end of the run for at most this many seconds; True if it has ended.
        """
        began, next_status = time.monotonic(), 0.0
        over = False
        while not over:
            over = wait(POLL_SECONDS)
            snapshot = self._run.snapshot()
            self._report_news(snapshot)
            if (now := time.monotonic()) >= next_status and not over and not self._quiet:
                self._line(time.time(), status_line(snapshot))
                next_status = now + status_pause(self._status_seconds, now - began)
        summary = self._run.summary()
        assert summary is not None, "a finished run has a summary"
        if self._quiet and exit_code(summary) == EXIT_DONE:
            return
        for line in summary_lines(summary):
            self.say(line)

    def say(self, text: str) -> None:
        """Write a line; a broken stream (a closed terminal, a full disk) does not stop the run."""
        with suppress(OSError):
            print(text, file=self._stream, flush=True)

    def _report_news(self, snapshot: RunSnapshot) -> None:
        if snapshot.trouble != self._trouble:
            self._trouble = snapshot.trouble
            self._line(time.time(), f"held     {self._trouble}" if self._trouble else "resumed")
        for event in self._run.events_after(self._seen):
            self._seen = event.sequence
            line = event_line(event)
            if line is not None and (line.category is Category.FAILURE or not self._quiet):
                self._line(snapshot.started_at + event.seconds, line.text)

    def _line(self, unix_seconds: float, text: str) -> None:
        moment = datetime.fromtimestamp(unix_seconds).strftime("%Y-%m-%d %H:%M:%S")
        self.say(f"{moment}  {text}")


def status_line(snapshot: RunSnapshot) -> str:
    """Return the status line."""
    parts = progress_parts(status_of(snapshot))
    if snapshot.phase is not Phase.SCANNING:
        parts += tuple(
            f"{device.device} {device.state.value}, {count(device.queued_files)} queued"
            for device in snapshot.devices
        )
    return "  ".join(parts)


def status_pause(least_seconds: float, elapsed_seconds: float) -> float:
    """Return the seconds until the next status line."""
    return max(least_seconds, min(elapsed_seconds / STATUS_SHARE, STATUS_SECONDS_MOST))
