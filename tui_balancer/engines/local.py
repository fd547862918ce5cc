"""Workers as processes of this machine, one per device, watched by one thread."""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from multiprocessing import connection
from multiprocessing.context import SpawnProcess

from tui_balancer.engines.engine import OnExit, SetupFor
from tui_balancer.engines.remote.membership import Membership
from tui_balancer.engines.worker_end import SETTLING_SECONDS, Cause, WorkerEnd, end_of
from tui_balancer.workers.process.entry import worker_main
from tui_balancer.workers.process.memory import limit_note
from tui_balancer.workers.process.spawning import exit_words
from tui_balancer.workers.process.warm import WarmPool
from tui_balancer.workers.wire.config import WorkerSetup
from tui_balancer.workers.wire.protocol import WorkerApi

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Running:
    """A worker process and its setup.

    Attributes:
        verdict: Why `LocalEngine.kill` killed it, if it did.
        settled_at: When its end is certain not to be part of a group's; infinite while it lives.
    """

    process: SpawnProcess
    setup: WorkerSetup
    verdict: str = ""
    settled_at: float = math.inf

    @property
    def end(self) -> WorkerEnd:
        """How it ended."""
        exitcode = self.process.exitcode
        words = exit_words(exitcode)
        if exitcode is not None and exitcode > 0:
            words = f"{words}: see {self.setup.log.name}"
        end = end_of(exitcode, words)
        if end.cause in (Cause.FAILED, Cause.CRASHED):
            return replace(end, words=words + limit_note())
        if self.verdict and end.cause is Cause.KILLED:
            return WorkerEnd(Cause.HUNG, self.verdict)
        return end


class LocalEngine:
    """Starts one spawn-context process per device and reports their ends.

    One thread owns the processes: it starts them, waits for any of them to end, and asks
    `on_exit` whether to start another. They are daemons of this process, and each watches it.
    An end that may be the first of all is reported later, see `SETTLING_SECONDS`.

    Args:
        devices: The first devices.
        setup_for: See `SetupFor`; called on the engine's thread.
        on_exit: See `OnExit`; likewise.
        absent: See `Membership.absent`; likewise.
        pool: Starts the processes; those that wait for no worker end.
    """

    broken = ""  # A process can always be started here.

    def __init__(
        self,
        devices: Sequence[str],
        setup_for: SetupFor,
        on_exit: OnExit,
        absent: Callable[[], Sequence[str]] = tuple,
        pool: WarmPool | None = None,
    ) -> None:
        self._devices = devices
        self._pool = pool or WarmPool()
        self._absent = absent
        self._setup_for = setup_for
        self._on_exit = on_exit
        self._running: dict[str, _Running] = {}
        self._stopping = threading.Event()
        self._wake, self._waker = connection.Pipe(duplex=False)
        self._thread = threading.Thread(target=self._supervise, name="local-engine", daemon=True)

    def start(self) -> None:
        """Start the first worker of every device; return before they run."""
        self._thread.start()

    def stop(self) -> None:
        """Kill every worker: they ignore other signals, and their finished work is kept.

        Returns when all are gone; these ends are not reported.
        """
        self._stopping.set()
        self._waker.send(None)
        if self._thread.ident is not None:
            self._thread.join()

    def start_absent(self) -> None:
        """See `Engine.start_absent`."""
        self._waker.send(None)

    def kill(self, device: str, pid: int, reason: str) -> None:
        """See `Engine.kill`."""
        running = self._running.get(device)
        if running is not None and running.process.pid == pid:
            running.verdict = reason
            running.process.kill()

    def pids(self) -> dict[str, int]:
        """Return the process of each device that has one."""
        return {
            device: running.process.pid
            for device, running in self._running.copy().items()
            if running.process.pid is not None
        }

    def _supervise(self) -> None:
        """Start the workers and watch them until `stop` is called."""
        for device in self._devices:
            self._start(device)
        self._pool.clear()
        while not self._stopping.is_set():
            self._await_an_end()
            for device in self._absent():
                if device not in self._running:
                    self._start(device)
            for device, running in self._running.copy().items():
                if running.settled_at <= time.monotonic() and not self._stopping.is_set():
                    del self._running[device]
                    self._ended(running.setup, running.end)
        self._kill_all()

    def _start(self, device: str) -> None:
        """Start a device's next worker; a failed start counts as an end."""
        if self._stopping.is_set():
            return
        setup = self._setup_for(device)
        try:
            warm = self._pool.take(setup.threads, setup.visible, setup.log)
        except OSError as error:
            words = f"could not be started: {error.strerror or error}"
            self._ended(setup, WorkerEnd(Cause.NOT_STARTED, words))
        else:
            warm.call_last(worker_main, setup, log=setup.log)
            self._running[device] = _Running(warm.process, setup)

    def _ended(self, setup: WorkerSetup, end: WorkerEnd) -> None:
        """Report a worker's end, and start a successor if requested."""
        _log.info("%s: %s", setup.worker, end.words or "left")
        if self._on_exit(setup.worker, end):
            self._start(setup.worker.device)

    def _kill_all(self) -> None:
        """Stop all running workers."""
        for running in self._running.values():
            running.process.kill()
        for running in self._running.values():
            running.process.join()
        self._running.clear()

    def _await_an_end(self) -> None:
        """Wait until a worker's end is due for report, or `stop` was called."""
        alive = {
            running.process.sentinel: running
            for running in self._running.values()
            if running.settled_at == math.inf
        }
        settled_at = min((one.settled_at for one in self._running.values()), default=math.inf)
        timeout = None if settled_at == math.inf else max(0.0, settled_at - time.monotonic())
        for ready in connection.wait([self._wake, *alive], timeout):
            if ready is self._wake:
                self._wake.recv()
            elif isinstance(ready, int):
                running = alive[ready]
                # The sentinel can be slightly ahead of the exit code while a driver cleans up.
                running.process.join()
                settling = SETTLING_SECONDS if running.end.unsettled else 0.0
                running.settled_at = time.monotonic() + settling


@dataclass(frozen=True, slots=True)
class LocalAccess:
    """This machine, see `EngineAccess`.

    Attributes:
        pool: Starts the workers' processes.
    """

    pool: WarmPool = field(default_factory=WarmPool)

    def engine(
        self,
        devices: Sequence[str],
        board: WorkerApi,
        setup_for: SetupFor,
        on_exit: OnExit,
        membership: Membership,
    ) -> LocalEngine:
        """See `EngineAccess.engine`; `setup_for` names the board."""
        return LocalEngine(devices, setup_for, on_exit, membership.absent, self.pool)

    def close(self) -> None:
        """See `EngineAccess.close`."""
