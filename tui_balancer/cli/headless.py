"""A run without a screen: a plain line every few seconds, and one for whatever happens."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from typing import TextIO

from tui_balancer.formatting import count, estimate, quantity
from tui_balancer.view.event_lines import Category, event_line
from tui_balancer.view.handle import Phase, RunHandle, RunSnapshot
from tui_balancer.view.summary_text import EXIT_DONE, exit_code, summary_lines

STATUS_SECONDS = 5.0
POLL_SECONDS = 0.25

STATUS_SHARE = 20
"""Of a long run the status is printed after each twentieth of its time so far, so that the
log of three days is no longer than a person reads."""

STATUS_SECONDS_MOST = 600.0


class HeadlessReporter:
    """Writes what happens in a run to a stream until the run is over.

    Args:
        stream: Takes the lines.
        status_seconds: Time between two lines that only say where the run is.
        from_now: Leave out what happened before, which was seen elsewhere.
        quiet: Tell only what goes wrong, and the summary only of a run that is not done.
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
        """Report until the run is over, then print the summary.

        Args:
            wait: Waits for the end of the run at most that many seconds; True when it came.
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
        assert summary is not None, "the run is over, so its summary is there"
        if self._quiet and exit_code(summary) == EXIT_DONE:
            return
        for line in summary_lines(summary):
            self.say(line)

    def say(self, text: str) -> None:
        """Write a line; a stream that is gone (a closed terminal, a full disk) stops no run."""
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
    """Return where the run is, in one line."""
    totals = snapshot.totals
    if snapshot.phase is Phase.SCANNING:
        scan = snapshot.scan
        return (
            f"scanning {count(scan.files_scanned)}/{count(scan.files_found)} files, "
            f"{count(scan.sequences)} sequences"
        )
    parts = [
        _phase(snapshot),
        f"{count(totals.done)}/{count(totals.files)} files",
        *([f"{count(totals.failed)} failed"] if totals.failed else []),
        *([f"{count(totals.skipped)} skipped"] if totals.skipped else []),
        f"{quantity(snapshot.sequences_per_second)} seq/s",
        f"{quantity(snapshot.residues_per_second)} res/s",
        f"{estimate(snapshot.eta_seconds)} left",
        *(
            f"{device.device} {device.state.value}, {count(device.queued_files)} queued"
            for device in snapshot.devices
        ),
    ]
    return "  ".join(parts)


def _phase(snapshot: RunSnapshot) -> str:
    """Return what the run as a whole does."""
    if snapshot.trouble:
        return f"HELD: {snapshot.trouble}"
    return "paused" if snapshot.paused else snapshot.phase.value


def status_pause(least_seconds: float, elapsed_seconds: float) -> float:
    """Return how long the next status line may wait."""
    return max(least_seconds, min(elapsed_seconds / STATUS_SHARE, STATUS_SECONDS_MOST))
