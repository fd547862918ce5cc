"""Processes that import torch ahead of their work: its import is most of a worker's start."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from multiprocessing import connection
from multiprocessing.connection import Connection
from pathlib import Path
from types import TracebackType
from typing import Any

from tui_balancer.process.gc_pause import collector_paused
from tui_balancer.workers.process.detach import detach, prepare_to_compute, redirect
from tui_balancer.workers.process.spawning import spawn

_WORKER_CODE = "tui_balancer.workers.process.loop"
"""What a worker runs; it imports torch."""


class WarmProcess:
    """A process that imports what workers run, and then calls what it is sent, in order.

    Args:
        threads: CPU threads to compute with.
        visible: See `WorkerSetup`.
        log: File for its output; None keeps that until a call has a file for it.

    Attributes:
        threads: As given.
        visible: As given.
        channel: The app's end of its pipe.
    """

    def __init__(self, threads: int, visible: str = "", log: Path | None = None) -> None:
        """Start the process; return before it runs.

        Raises:
            OSError: The system refuses another process.
        """
        self.threads, self.visible = threads, visible
        self.channel, theirs = connection.Pipe()
        try:
            self.process = spawn(_serve, (threads, visible, log, theirs), name="warm")
        except OSError:
            self.channel.close()
            raise
        finally:
            theirs.close()

    def call(self, function: Callable[..., None], *args: Any, log: Path | None = None) -> None:
        """Call a function of a module in the process, with `args` and its end of the pipe.

        A process that has ended calls nothing: its sentinel tells.

        Args:
            args: Its arguments before the pipe.
            log: File for the process's output, also that from before; None changes nothing.
        """
        with suppress(BrokenPipeError, ConnectionResetError):
            self.channel.send((function, args, log))

    def call_last(self, function: Callable[..., None], *args: Any, log: Path) -> None:
        """Call a function in the process, which ends when that returns."""
        self.call(function, *args, log=log)
        self.channel.close()

    def kill(self) -> None:
        """End the process at once, and wait until it is gone."""
        self.process.kill()
        self.process.join()
        self.channel.close()


class WarmPool:
    """Starts the processes that check and compute, some of them before they are needed.

    A context manager: those that nobody has taken end with it. Any thread may use it.
    """

    def __init__(self) -> None:
        self._waiting: list[WarmProcess] = []
        self._lock = threading.Lock()
        self._closed = False

    def __enter__(self) -> WarmPool:
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        with self._lock:
            self._closed = True
        self.clear()

    def warm(self, count: int, threads: int) -> None:
        """Have this many processes wait that compute with so many threads.

        A system that refuses them has fewer wait.
        """
        with self._lock, suppress(OSError):
            there = sum(one.threads == threads for one in self._waiting)
            for _ in range(0 if self._closed else count - there):
                self._waiting.append(WarmProcess(threads))

    def take(
        self, threads: int | None = None, visible: str = "", log: Path | None = None
    ) -> WarmProcess:
        """Return a waiting process, or else a new one.

        Args:
            threads: CPU threads that it computes with; None for any number.
            visible: See `WorkerSetup`.
            log: File for the output of a new one, also if it fails before its first call.

        Raises:
            OSError: The system refuses another process.
        """
        with self._lock:
            for one in self._waiting:
                if threads in (None, one.threads) and visible == one.visible:
                    self._waiting.remove(one)
                    return one
        return WarmProcess(threads or 1, visible, log)

    def give_back(self, process: WarmProcess) -> None:
        """Have a taken process wait for its next user."""
        with self._lock:
            if not self._closed:
                self._waiting.insert(0, process)
                return
        process.kill()

    def clear(self) -> None:
        """End all processes that wait."""
        with self._lock:
            unused, self._waiting = self._waiting, []
        for one in unused:
            one.kill()


def _serve(threads: int, visible: str, log: Path | None, channel: Connection) -> None:
    """Import what workers run, then make the calls that come; spawned by `WarmProcess`."""
    output = _file_in_memory() if log is None else log
    detach(output)
    prepare_to_compute(threads, visible)
    # What cannot be imported is reported by the first call that needs it.
    with suppress(Exception), collector_paused():
        import_module(_WORKER_CODE)
    while (call := _next(channel)) is not None:
        function, args, log = call
        if log is not None and isinstance(output, int):
            redirect(log)
            os.write(1, os.pread(output, os.fstat(output).st_size, 0))
            os.close(output)
            output = log
        function(*args, channel)


_Call = tuple[Callable[..., None], tuple[Any, ...], Path | None]
"""A function, its arguments, and a file for the output."""


def _next(channel: Connection) -> _Call | None:
    """Return the next call; None when there is none to come."""
    try:
        call: _Call = channel.recv()
    except (EOFError, ConnectionResetError):
        return None
    return call


def _file_in_memory() -> int:
    """Return the descriptor of a file without a name; where there are none, nothing is kept."""
    if hasattr(os, "memfd_create"):
        return os.memfd_create("early output")
    return os.open(os.devnull, os.O_RDWR)
