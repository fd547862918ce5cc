"""What the run needs of whoever starts the workers."""

from __future__ import annotations

from typing import Protocol


class Engine(Protocol):
    """Starts workers, follows them, ends them."""

    def start(self) -> None:
        """Start the first worker of every device; returns before they run."""

    def stop(self, grace_seconds: float) -> None:
        """End every worker, by force after the grace; returns when all of them are gone."""

    def kill(self, device: str, pid: int, reason: str) -> None:
        """Kill a worker that must not go on, if it is still this process; say why at its end."""

    @property
    def broken(self) -> str:
        """Why no worker can come any more; empty while that is not so."""

    def pids(self) -> dict[str, int]:
        """Return the process of each device that has one."""
