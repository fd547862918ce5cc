"""Signals that stop a run."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import inf

from tui_balancer.process.stop_signals import STOP_SIGNALS

TOGETHER_SECONDS = 0.2
"""Signals within this time count as one; nobody presses Ctrl+C twice as fast."""


class Interrupts:
    """Counts requests to stop; read by the loop, never inside a signal handler.

    Signals that arrive together count as one: `timeout` signals its command and then the whole
    group, and a launcher forwards signals that its child has received too.

    Attributes:
        count: Number of requests.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._wished = -inf
        self._seen = 0
        self.count = 0

    def note(self, *_signal_and_frame: object) -> None:
        """Count a signal."""
        now = self._clock()
        if now >= self._wished + TOGETHER_SECONDS:
            self.count += 1
            self._wished = now

    def hand_over(self) -> bool:
        """Reset the count, and return whether there were any requests."""
        came, self.count, self._wished = self.count > 0, 0, -inf
        return came

    def news(self) -> bool:
        """Whether a new request arrived since the last call, counting grouped signals once."""
        if self.count == self._seen or self._clock() < self._wished + TOGETHER_SECONDS:
            return False
        self._seen = self.count
        return True


@contextmanager
def outlived_hangup() -> Iterator[None]:
    """Ignore SIGHUP inside: a lost terminal does not end a run, not even during preparation."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGHUP, before)


@contextmanager
def counted_interrupts() -> Iterator[Interrupts]:
    """Count interrupts and ignore SIGHUP inside."""
    interrupts = Interrupts()
    before = {number: signal.signal(number, interrupts.note) for number in STOP_SIGNALS}
    try:
        with outlived_hangup():
            yield interrupts
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
