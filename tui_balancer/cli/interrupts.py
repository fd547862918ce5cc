"""Signals that ask a run to stop."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import inf

from tui_balancer.stop_signals import STOP_SIGNALS

TOGETHER_SECONDS = 0.2
"""Signals that come so close to each other are one; no person presses Ctrl+C twice as fast."""


class Interrupts:
    """How often the run was asked to stop; read by the loop, never inside a signal's handler.

    Signals that come together are one: `timeout` signals its command and then the whole group,
    and a launcher passes on what its child has got as well.

    Attributes:
        count: Requests so far.
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
        """Forget those that came so far, and return whether there were any."""
        came, self.count, self._wished = self.count > 0, 0, -inf
        return came

    def news(self) -> bool:
        """Whether one came since the last time this was asked, with all that belong to it."""
        if self.count == self._seen or self._clock() < self._wished + TOGETHER_SECONDS:
            return False
        self._seen = self.count
        return True


@contextmanager
def outlived_hangup() -> Iterator[None]:
    """Ignore SIGHUP while inside: a lost terminal ends no run, not even one that is prepared."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGHUP, before)


@contextmanager
def counted_interrupts() -> Iterator[Interrupts]:
    """Count interrupts and outlive a hang-up while inside."""
    interrupts = Interrupts()
    before = {number: signal.signal(number, interrupts.note) for number in STOP_SIGNALS}
    try:
        with outlived_hangup():
            yield interrupts
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
