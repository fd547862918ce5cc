"""Workers as processes of this machine, one a device, watched by one thread."""

from __future__ import annotations

import logging
import math
import signal
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing import connection, resource_tracker
from multiprocessing.context import SpawnProcess

from tui_balancer.workers.entry import worker_main
from tui_balancer.workers.protocol import WorkerId
from tui_balancer.workers.setup import WorkerSetup
from tui_balancer.workers.spawning import exit_words, spawn

_log = logging.getLogger(__name__)

SetupFor = Callable[[str], WorkerSetup]
"""Says what the next worker of a device is given; called once before every start of one."""

OnExit = Callable[[WorkerId, str], bool]
"""Hears of every worker's end. The reason is empty when the worker left by itself because its
queue said that the run is over. True asks for another process for that device."""


def prepare_for_spawn() -> None:
    """Make later starts of processes possible under a full-screen app.

    Call it before the app takes over stderr: a multiprocessing helper process that lives as
    long as this one is handed stderr's descriptor when it starts.
    """
    resource_tracker.ensure_running()


@dataclass(slots=True)
class _Running:
    """A worker's process and what it was given.

    Attributes:
        process: The process.
        setup: What it was given.
        verdict: Why it was killed, if `LocalEngine.kill` did it.
    """

    process: SpawnProcess
    setup: WorkerSetup
    verdict: str = ""


class LocalEngine:
    """Starts one spawn-context process a device and reports their ends.

    One thread owns the processes: it starts them, waits for any of them to end, and asks
    `on_exit` whether to start another. They are daemons of this process, and each watches it.
    """

    def __init__(self, devices: Sequence[str], setup_for: SetupFor, on_exit: OnExit) -> None:
        """Take the devices and the two callbacks, which the engine's thread will call."""
        self._devices = devices
        self._setup_for = setup_for
        self._on_exit = on_exit
        self._running: dict[str, _Running] = {}
        self._stopping = threading.Event()
        self._kill_at = math.inf
        self._wake, self._waker = connection.Pipe(duplex=False)
        self._thread = threading.Thread(target=self._supervise, name="local-engine", daemon=True)

    def start(self) -> None:
        """Start the first worker of every device; returns before they run."""
        self._thread.start()

    def stop(self, grace_seconds: float) -> None:
        """End every worker: SIGTERM at once, and SIGKILL for those left after the grace.

        Returns when all of them are gone; ends that this causes are not reported. A second
        call, from another thread and with a shorter grace, hurries the first.
        """
        self._kill_at = min(self._kill_at, time.monotonic() + grace_seconds)
        self._stopping.set()
        self._waker.send(None)
        if self._thread.ident is not None:
            self._thread.join()

    def kill(self, device: str, pid: int, reason: str) -> None:
        """Kill a worker that must not go on; its end is reported with this reason.

        Args:
            device: Whose worker it is.
            pid: Its process; another one, started meanwhile, is spared.
            reason: Why, in words that follow "worker died:".
        """
        running = self._running.get(device)
        if running is not None and running.process.pid == pid:
            running.verdict = reason
            running.process.kill()

    @property
    def broken(self) -> str:
        """Empty: a process can always be started."""
        return ""

    def pids(self) -> dict[str, int]:
        """Return the process of each device that has one."""
        return {
            device: running.process.pid
            for device, running in self._running.copy().items()
            if running.process.pid is not None
        }

    def _supervise(self) -> None:
        """Start the workers and follow them until `stop` is called."""
        for device in self._devices:
            self._start(device)
        while not self._stopping.is_set():
            self._await_an_end(timeout=None)
            for device, running in self._running.copy().items():
                if running.process.exitcode is not None and not self._stopping.is_set():
                    del self._running[device]
                    self._ended(running.setup, _reason(running))
        self._end_all()

    def _start(self, device: str) -> None:
        """Start a device's next worker; one that cannot be started has ended."""
        if self._stopping.is_set():
            return
        setup = self._setup_for(device)
        try:
            process = spawn(worker_main, (setup,), name=f"worker {device}")
        except OSError as error:
            self._ended(setup, f"could not be started: {error.strerror or error}")
        else:
            self._running[device] = _Running(process, setup)

    def _ended(self, setup: WorkerSetup, reason: str) -> None:
        """Report a worker's end, and start the successor that is asked for."""
        _log.info("%s: %s", setup.worker, reason or "left")
        if self._on_exit(setup.worker, reason):
            self._start(setup.worker.device)

    def _end_all(self) -> None:
        """End what still runs."""
        for running in self._running.values():
            running.process.terminate()
        while any(running.process.exitcode is None for running in self._running.values()):
            left = self._kill_at - time.monotonic()
            if left <= 0:
                for running in self._running.values():
                    running.process.kill()
                    running.process.join()
            else:
                self._await_an_end(left)
        self._running.clear()

    def _await_an_end(self, timeout: float | None) -> None:
        """Wait until a worker has ended or `stop` was called.

        Returns at once when one has ended that nobody has dealt with yet: it may have done so
        while another one's end was dealt with.
        """
        alive = {
            running.process.sentinel: running.process
            for running in self._running.values()
            if running.process.exitcode is None
        }
        if len(alive) < len(self._running) and not self._stopping.is_set():
            return
        for ready in connection.wait([self._wake, *alive], timeout):
            if ready is self._wake:
                self._wake.recv()
            elif isinstance(ready, int):
                # The sentinel can be a moment ahead of the exit code: a driver tidies up.
                alive[ready].join()


def _reason(running: _Running) -> str:
    """Say why a worker is gone; empty for one that left by itself."""
    exitcode = running.process.exitcode
    if exitcode == 0:
        return ""
    if running.verdict and exitcode == -signal.SIGKILL:
        return running.verdict
    words = exit_words(exitcode)
    return words if exitcode is None or exitcode < 0 else f"{words}: see {running.setup.log.name}"
