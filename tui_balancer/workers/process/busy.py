"""How long a device was at work, asked while it is."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class BusyClock:
    """Adds up the seconds that a device computes; read from another thread meanwhile."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._finished = 0.0
        self._since: float | None = None

    @contextmanager
    def running(self) -> Iterator[None]:
        """Count the time until the block ends, however it ends."""
        with self._lock:
            self._since = self._clock()
        try:
            yield
        finally:
            with self._lock:
                self._finished += self._clock() - self._since
                self._since = None

    def add(self, seconds: float) -> None:
        """Count what a device says of itself."""
        with self._lock:
            self._finished += seconds

    def seconds(self) -> float:
        """Return the seconds so far, the batch in flight included."""
        with self._lock:
            running = 0.0 if self._since is None else self._clock() - self._since
            return self._finished + running
