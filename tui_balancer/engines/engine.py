"""What the run needs of whoever starts the workers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from tui_balancer.engines.worker_end import WorkerEnd
from tui_balancer.workers.wire.config import WorkerSetup
from tui_balancer.workers.wire.protocol import WorkerId

SetupFor = Callable[[str], WorkerSetup]
"""Says what the next worker of a device is given; called once before every start of one."""

OnExit = Callable[[WorkerId, WorkerEnd], bool]
"""Hears of every worker's end. True asks for another process for that device."""


class Engine(Protocol):
    """Starts workers, follows them, ends them."""

    def start(self) -> None:
        """Start the first worker of every device; returns before they run."""

    def stop(self) -> None:
        """End every worker at once; returns when all of them are gone."""

    def kill(self, device: str, pid: int, reason: str) -> None:
        """Kill a worker that must not go on, if it is still this process; say why at its end."""

    @property
    def broken(self) -> str:
        """Why no worker can come any more; empty while that is not so."""

    def pids(self) -> dict[str, int]:
        """Return the process of each device that has one."""
