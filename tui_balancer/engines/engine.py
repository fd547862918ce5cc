"""The interface between a run and its engine."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from tui_balancer.devices.selection import SelectedDevice, WorkersPerGpu
from tui_balancer.embedding.models import ModelSource
from tui_balancer.embedding.settings import Precision
from tui_balancer.engines.remote.membership import Membership
from tui_balancer.engines.worker_end import WorkerEnd
from tui_balancer.workers.wire.config import WorkerSetup
from tui_balancer.workers.wire.protocol import WorkerApi, WorkerId

SetupFor = Callable[[str], WorkerSetup]
"""Returns the setup of a device's next worker; called once before each start."""

OnExit = Callable[[WorkerId, WorkerEnd], bool]
"""Called with every worker's end; True requests another process for that device."""


class Engine(Protocol):
    """Starts, watches and stops workers."""

    def start(self) -> None:
        """Start the first worker of every device; return before they run."""

    def stop(self) -> None:
        """Stop every worker at once; return when all are gone."""

    def start_absent(self) -> None:
        """Start a worker for each device that should have one and has none; return at once."""

    def kill(self, device: str, pid: int, reason: str) -> None:
        """Kill a worker; its end is reported with the reason.

        Args:
            device: Device of the worker.
            pid: Its process; a newer process is not killed.
            reason: Text after "worker died:".
        """

    @property
    def broken(self) -> str:
        """Why no worker can start any more; empty otherwise."""

    def pids(self) -> dict[str, int]:
        """Return the process of each device that has one."""


OnWorkers = Callable[[int, int], None]
"""Called with the number of workers that have joined, and the expected number."""


@dataclass(frozen=True, slots=True)
class DeviceSearch:
    """What an engine needs to find devices for a run.

    Attributes:
        folder: The run folder.
        logs: Folder for the workers' output.
        devices: Value of `--devices`.
        workers_per_gpu: Most workers of a card.
        cpu_workers: Requested number; None for the default.
        cpu_threads: Requested threads per worker; None for the default.
        inputs: The run's input files: nodes must see one of each folder.
        models: The models that nodes must be able to load.
        measured: See `PreflightRequest`.
        on_workers: Called as workers join.
    """

    folder: Path
    logs: Path
    devices: str
    workers_per_gpu: WorkersPerGpu
    cpu_workers: int | None
    cpu_threads: int | None
    inputs: tuple[Path, ...]
    models: tuple[ModelSource, ...]
    measured: Precision | None
    on_workers: OnWorkers


class EngineAccess(Protocol):
    """Access to devices that passed the checks for a run."""

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
            membership: Tracks the devices, of which some may join later.
        """

    def close(self) -> None:
        """Release the devices if no engine was made."""


@dataclass(frozen=True, slots=True)
class DevicesFound:
    """The devices that an engine found.

    Attributes:
        access: Makes the engine.
        devices: The devices, in order.
        warnings: Lines for the user.
    """

    access: EngineAccess
    devices: tuple[SelectedDevice, ...]
    warnings: tuple[str, ...]
