"""What the run needs of whoever starts the workers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from tui_balancer.devices.selection import SelectedDevice
from tui_balancer.embedding.models import ModelSource
from tui_balancer.embedding.settings import Precision
from tui_balancer.engines.remote.membership import Membership
from tui_balancer.engines.worker_end import WorkerEnd
from tui_balancer.workers.wire.config import WorkerSetup
from tui_balancer.workers.wire.protocol import WorkerApi, WorkerId

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
        """Kill a worker that must not go on; its end is reported with the reason.

        Args:
            device: Whose worker it is.
            pid: Its process; another one, started meanwhile, is spared.
            reason: Why, in words that follow "worker died:".
        """

    @property
    def broken(self) -> str:
        """Why no worker can come any more; empty while that is not so."""

    def pids(self) -> dict[str, int]:
        """Return the process of each device that has one."""


@dataclass(frozen=True, slots=True)
class EngineRequest:
    """Where to compute instead of on this machine; an engine with options has a class of its own.

    Attributes:
        engine: Name of the engine, see `engines.table`.
    """

    engine: str


OnWorkers = Callable[[int, int], None]
"""Called with the number of workers that have come, and how many should."""


@dataclass(frozen=True, slots=True)
class DeviceSearch:
    """What an engine's devices must be fit for.

    Attributes:
        folder: Of the run.
        logs: Takes what workers print.
        devices: As they were asked for with `--devices`.
        cpu_workers: Asked for; None for as many as suit.
        cpu_threads: The same of each one's threads.
        inputs: The run's input files: nodes must see one of each folder.
        model: What nodes must be able to load.
        measured: See `PreflightRequest`.
        on_workers: Called as workers come.
    """

    folder: Path
    logs: Path
    devices: str
    cpu_workers: int | None
    cpu_threads: int | None
    inputs: tuple[Path, ...]
    model: ModelSource
    measured: Precision | None
    on_workers: OnWorkers


class EngineAccess(Protocol):
    """Devices that were found fit for a run."""

    def engine(
        self,
        devices: Sequence[str],
        board: WorkerApi,
        setup_for: SetupFor,
        on_exit: OnExit,
        membership: Membership,
    ) -> Engine:
        """Return the engine, which has not started yet.

        Args:
            devices: Names of the devices that were found.
            board: The app's side of every worker.
            setup_for: See `SetupFor`.
            on_exit: See `OnExit`.
            membership: Knows the devices, of which some may come later.
        """

    def close(self) -> None:
        """Give the devices back that no engine was made for."""


@dataclass(frozen=True, slots=True)
class DevicesFound:
    """What an engine offers a run.

    Attributes:
        access: For the engine.
        devices: What will compute, in order.
        warnings: Lines a person should read.
    """

    access: EngineAccess
    devices: tuple[SelectedDevice, ...]
    warnings: tuple[str, ...]
