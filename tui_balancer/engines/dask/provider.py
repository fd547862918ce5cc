"""A Dask cluster as the devices of a run. Imports dask only after checking that it is installed."""

from __future__ import annotations

from tui_balancer.devices.selection import parse_devices
from tui_balancer.engines.dask.request import ClusterRequest
from tui_balancer.engines.engine import DeviceSearch, DevicesFound
from tui_balancer.errors import UserError
from tui_balancer.extras import Extra, require


def find(request: ClusterRequest, search: DeviceSearch) -> DevicesFound:
    """Connect to a cluster or start one, and check its nodes; see `find_devices`."""
    _require_libraries(request)
    from tui_balancer.engines.dask.access import ClusterAccess
    from tui_balancer.engines.dask.cluster import open_cluster
    from tui_balancer.engines.dask.node_check import look_at_nodes
    from tui_balancer.engines.remote.nodes import Nodes

    if search.cpu_workers is not None:
        raise UserError(
            "--cpu-workers is for one machine: on a cluster each Dask worker is one, and --local N "
            "starts N of them"
        )
    if not isinstance(search.workers_per_gpu, int):
        raise UserError(
            "--workers-per-gpu auto is for one machine: on a cluster start several workers for "
            "each card, and write how many"
        )
    nodes = Nodes(parse_devices(search.devices), search.cpu_threads, search.workers_per_gpu)
    # One file of each folder: a folder is on a shared disk or not.
    paths = list({path.parent: path for path in search.inputs}.values())
    paths += [one.checkpoint for one in search.models if one.checkpoint is not None]
    cluster = open_cluster(request, search.logs)
    try:
        look, reports = look_at_nodes(
            cluster,
            search.folder,
            paths,
            processor_only=nodes.processor_only,
            measured=search.measured,
            on_workers=search.on_workers,
        )
        devices, warnings = nodes.settle(reports)
    except BaseException:
        cluster.close()
        raise
    access = ClusterAccess(cluster, nodes, look)
    return DevicesFound(access, tuple(devices), (*cluster.warnings, *warnings))


def _require_libraries(request: ClusterRequest) -> None:
    """Check that the libraries of a kind of cluster are installed.

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
    # It makes the certificates of a cluster that the run starts.
    makes_certificates = request.scheduler is None and request.tls is None
    require(extra, option, without="" if makes_certificates else "cryptography")
