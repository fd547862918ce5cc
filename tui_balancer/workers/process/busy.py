"""The busy time of a device, readable while it computes."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class BusyClock:
    """Sums the seconds that a device computes; other threads may read it meanwhile."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._finished = 0.0
        self._since: float | None = None

    @contextmanager
    def running(self) -> Iterator[None]:
        """Count the time until the block ends, also after an error."""
        with self._lock:
            self._since = self._clock()
        try:
            yield
        finally:
            with self._lock:
                self._finished += self._clock() - self._since
                self._since = None

    def add(self, seconds: float) -> None:
        """Count time that a device reports."""
        with self._lock:
            self._finished += seconds

    def seconds(self) -> float:
        """Return the seconds so far, the batch in flight included."""
        with self._lock:
            running = 0.0 if self._since is None else self._clock() - self._since
            return self._finished + running
