"""Connects to or starts a Dask cluster, and releases it at the end."""

from __future__ import annotations

import logging
import shutil
import tempfile
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import dask.config
from distributed import Client, LocalCluster, Security

from tui_balancer.engines.dask.jobs import job_cluster, ssh_cluster
from tui_balancer.engines.dask.preload import LOG_VARIABLE, PRELOAD
from tui_balancer.engines.dask.request import ClusterRequest
from tui_balancer.engines.dask.tls import (
    is_protected,
    made_for_one_cluster,
    security_of,
    settings_of,
)
from tui_balancer.errors import UserError, one_line
from tui_balancer.process.stop_signals import group_signals_blocked
from tui_balancer.workers.process.spawning import start_helper

CONNECT_SECONDS = 30.0
"""Seconds that a scheduler may take to answer."""

THREADS = 2
"""Threads per Dask worker: one writes outputs while the other computes."""

SETTINGS: Mapping[str, object] = {
    # The coordinator decides on stealing and retries.
    "distributed.scheduler.allowed-failures": 0,
    "distributed.scheduler.work-stealing": False,
    # Tasks have no data, and models may fill the memory.
    "distributed.worker.memory.target": False,
    "distributed.worker.memory.spill": False,
    "distributed.worker.memory.pause": False,
    "distributed.worker.memory.terminate": False,
    "distributed.worker.daemon": True,
    # The run's watchdog finds silent workers, and does not count the time in which it was stopped.
    "distributed.scheduler.worker-ttl": None,
    # The profiler samples a computing thread a hundred times per second.
    "distributed.worker.profile.enabled": False,
}
"""Dask's configuration for a cluster that the run starts."""

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class DaskCluster:
    """A connection to a scheduler, and the cluster behind it if the run started it.

    Attributes:
        client: The connection.
        warnings: Lines for the user.
        own: The cluster that the run started, closed with it; None for an existing one.
        token: A file by which nodes recognise the run folder, removed at the end.
        until_closed: Other cleanup at the end.
    """

    client: Client
    request: ClusterRequest
    warnings: tuple[str, ...] = ()
    own: Any = None
    token: Path | None = None
    until_closed: ExitStack = field(default_factory=ExitStack, repr=False)

    @property
    def address(self) -> str:
        """Address of the scheduler."""
        return str(self.client.scheduler.address)

    def close(self) -> None:
        """Release the cluster, and stop it if the run started it."""
        if self.token is not None:
            self.token.unlink(missing_ok=True)
        try:
            self.client.close(timeout=5)
            if self.own is not None:
                self.own.close(timeout=15)
        except (OSError, TimeoutError) as problem:
            _log.warning("the cluster did not stop cleanly: %s", problem)
        finally:
            self.until_closed.close()


def open_cluster(request: ClusterRequest, logs: Path) -> DaskCluster:
    """Connect to a cluster or start one; return before all of its workers have joined.

    Args:
        logs: Folder for the output of its processes, if the run starts them.

    Raises:
        UserError: It is not available.
    """
    _let_dask_log_with_us()
    if request.scheduler is not None:
        return _connect(request, request.scheduler)
    own = None
    with ExitStack() as until_closed:
        until_closed.enter_context(dask.config.set(dict(SETTINGS)))
        try:
            logs.mkdir(parents=True, exist_ok=True)
            own = _started(request, logs, until_closed)
            client = Client(own, timeout=CONNECT_SECONDS, set_as_default=False)
        except BaseException as problem:
            if own is not None:
                own.close(timeout=5)
            if isinstance(problem, UserError) or not isinstance(problem, Exception):
                raise
            raise UserError(f"the cluster cannot be started: {one_line(problem)}") from problem
        return DaskCluster(client, request, own=own, until_closed=until_closed.pop_all())


def _connect(request: ClusterRequest, address: str) -> DaskCluster:
    security = security_of(request.tls) if request.tls is not None else None
    try:
        client = Client(
            address,
            security=security,
            timeout=CONNECT_SECONDS,
            set_as_default=False,
        )
    except (OSError, ValueError, TypeError, RuntimeError) as problem:
        raise UserError(
            f"--scheduler {address}: no Dask scheduler answers there ({one_line(problem)})"
        ) from problem
    unprotected = (
        f"the scheduler {address} is neither local nor protected by TLS: anybody reaching it can "
        "run code as you; see --tls-ca-file"
    )
    return DaskCluster(client, request, () if is_protected(address) else (unprotected,))


def _started(request: ClusterRequest, logs: Path, until_closed: ExitStack) -> Any:
    """Start a cluster for the run; the exit stack keeps what it needs while it lives."""
    if request.hosts:
        tls = request.tls
        if tls is None:
            tls = made_for_one_cluster(logs)
            until_closed.callback(shutil.rmtree, tls.key.parent, ignore_errors=True)
        until_closed.enter_context(dask.config.set(settings_of(tls)))
        return ssh_cluster(request, security_of(tls), logs)
    security = security_of(request.tls) if request.tls is not None else None
    if request.local is None:
        return job_cluster(request, security or True, logs)
    start_helper()
    # The threads that start workers inherit the mask, and so do the workers.
    with group_signals_blocked():
        return LocalCluster(
            n_workers=request.local,
            threads_per_worker=THREADS,
            processes=True,
            host="127.0.0.1",
            # Its HTTP server always starts, and would listen on every address.
            dashboard_address="127.0.0.1:0",
            # Every user of this machine can reach its port.
            security=security or Security.temporary(),
            protocol="tls://",
            memory_limit=0,
            silence_logs=logging.WARNING,
            env={LOG_VARIABLE: str(logs / "dask-workers.log")},
            preload=PRELOAD,
            local_directory=tempfile.gettempdir(),
        )


def _let_dask_log_with_us() -> None:
    """Send Dask's log lines to this program's log: Dask's own handler writes onto the screen."""
    for name in ("distributed", "distributed.client", "asyncssh", "bokeh", "tornado"):
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True
