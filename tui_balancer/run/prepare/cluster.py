"""A run on a cluster: its devices found on the nodes, and those that come and go meanwhile."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tui_balancer.devices.selection import SelectedDevice, parse_devices
from tui_balancer.embedding.models import ModelSource
from tui_balancer.embedding.settings import EmbeddingSettings, Precision
from tui_balancer.engines.dask.request import ClusterRequest
from tui_balancer.errors import UserError
from tui_balancer.extras import Extra, require
from tui_balancer.notices import Notice
from tui_balancer.run.prepare.precision import choose_precision
from tui_balancer.run_folder.folder import LOGS_FOLDER
from tui_balancer.scheduler.coordinator import WorkStealingCoordinator
from tui_balancer.scheduler.model import DeviceSpec
from tui_balancer.settings import RunSettings

if TYPE_CHECKING:
    from tui_balancer.engines.dask.engine import ClusterAccess

OnWorkers = Callable[[int, int], None]
"""Called with the number of workers that have come, and how many should."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ClusterFound:
    """What a cluster offers a run.

    Attributes:
        access: For the engine.
        devices: What will compute, in order of nodes.
        warnings: Lines a person should read.
    """

    access: ClusterAccess
    devices: tuple[SelectedDevice, ...]
    warnings: tuple[str, ...]


def find_cluster(
    settings: RunSettings,
    request: ClusterRequest,
    inputs: Iterable[Path],
    model: ModelSource,
    measured: Precision | None,
    on_workers: OnWorkers,
) -> ClusterFound:
    """Connect to a cluster or start one, and see that its nodes are fit for a run.

    Args:
        settings: The run as asked for.
        request: Which cluster.
        inputs: The run's input files: nodes must see one of each folder.
        model: What nodes must be able to load.
        measured: See `PreflightRequest`.
        on_workers: Hears how many workers have come.

    Raises:
        UserError: There is no such cluster, or a node is not fit; the line names it.
    """
    _require_libraries(request)
    from tui_balancer.engines.dask.cluster import open_cluster
    from tui_balancer.engines.dask.engine import ClusterAccess
    from tui_balancer.engines.dask.node_check import look_at_nodes
    from tui_balancer.engines.remote.nodes import Nodes

    if settings.devices.cpu_workers is not None:
        raise UserError(
            "--cpu-workers is for one machine: on a cluster each Dask worker is one, and --local N "
            "starts N of them"
        )
    nodes = Nodes(parse_devices(settings.devices.devices), settings.devices.cpu_threads)
    # One of each folder: a folder is on a shared disk or it is not.
    paths = list({path.parent: path for path in inputs}.values())
    if model.checkpoint is not None:
        paths.append(model.checkpoint)
    cluster = open_cluster(request, settings.output.absolute() / LOGS_FOLDER)
    try:
        look, reports = look_at_nodes(
            cluster,
            settings.output.absolute(),
            paths,
            processor_only=nodes.processor_only,
            measured=measured,
            on_workers=on_workers,
        )
        devices, warnings = nodes.settle(reports)
    except BaseException:
        cluster.close()
        raise
    access = ClusterAccess(cluster, nodes, look)
    return ClusterFound(access, tuple(devices), (*cluster.warnings, *warnings))


def _require_libraries(request: ClusterRequest) -> None:
    """See that the libraries of a kind of cluster are installed.

    Raises:
        MissingExtra: One is not.
    """
    extra: Extra = "dask"
    if request.hosts:
        extra, option = "dask-ssh", "--hosts"
    elif request.jobs is not None:
        extra, option = "dask-jobs", "--cluster"
    else:
        option = "--scheduler" if request.scheduler is not None else "--local"
    # It makes the certificates of a cluster of the run's own.
    makes_certificates = request.scheduler is None and request.tls is None
    require(extra, option, without="" if makes_certificates else "cryptography")


class Newcomers:
    """Takes in devices that join a run late or come back; see `engines.remote.membership.Company`.

    Args:
        coordinator: Knows the devices.
        devices: The run's by their names; those that join are added.
        embedding: What every device must be able to compute in.
        spec: Says how the coordinator sees a device.
    """

    def __init__(
        self,
        coordinator: WorkStealingCoordinator,
        devices: dict[str, SelectedDevice],
        embedding: EmbeddingSettings,
        spec: Callable[[SelectedDevice], DeviceSpec],
    ) -> None:
        self._coordinator = coordinator
        self._devices = devices
        self._embedding = embedding
        self._spec = spec

    def admit(self, device: SelectedDevice) -> bool:
        """See `Company.admit`."""
        if device.device in self._devices:
            return self._coordinator.device_back(device.device)
        try:
            choose_precision(
                self._embedding.precision, [device], reference=self._embedding.reference
            )
        except UserError:
            self.warn(
                f"{device.device} ({device.name}) joined, but cannot compute in the run's "
                f"{self._embedding.precision}"
            )
            return False
        self._devices[device.device] = device
        self._coordinator.add_device(self._spec(device))
        return True

    def lost(self, device: str, reason: str, *, idle_only: bool = False) -> bool:
        """See `Company.lost`."""
        return self._coordinator.device_lost(device, reason, idle_only=idle_only)

    def waiting(self) -> int:
        """See `Company.waiting`."""
        return self._coordinator.totals().waiting

    def warn(self, line: str) -> None:
        """See `Company.warn`."""
        _log.warning("%s", line)
        self._coordinator.warn(Notice(line))
