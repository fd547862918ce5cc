"""A Dask cluster in this process's hands: found or started, and let go of again."""

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
from tui_balancer.stop_signals import group_signals_blocked
from tui_balancer.workers.process.spawning import start_helper

CONNECT_SECONDS = 30.0
"""How long a scheduler may take to answer."""

THREADS = 2
"""Of a Dask worker: while one writes outputs the other computes."""

SETTINGS: Mapping[str, object] = {
    # Whose turn it is, and who tries again, the coordinator decides.
    "distributed.scheduler.allowed-failures": 0,
    "distributed.scheduler.work-stealing": False,
    # Tasks hold no data, and models are meant to fill the memory.
    "distributed.worker.memory.target": False,
    "distributed.worker.memory.spill": False,
    "distributed.worker.memory.pause": False,
    "distributed.worker.memory.terminate": False,
    "distributed.worker.daemon": True,
    # Whoever is silent is found by the run, which does not count the time in which it was stopped.
    "distributed.scheduler.worker-ttl": None,
    # A hundred looks a second at a thread that computes.
    "distributed.worker.profile.enabled": False,
}
"""How Dask is to behave where the cluster is the run's own."""

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class DaskCluster:
    """A connection to a scheduler, and the cluster behind it if it is the run's own.

    Attributes:
        client: The connection.
        request: What was asked for.
        warnings: Lines a person should read.
        own: What was started for the run, to be closed with it; None where others own it.
        token: A file by which nodes know the run folder, to be removed at the end.
        until_closed: What else is to be undone then.
    """

    client: Client
    request: ClusterRequest
    warnings: tuple[str, ...] = ()
    own: Any = None
    token: Path | None = None
    until_closed: ExitStack = field(default_factory=ExitStack, repr=False)

    @property
    def address(self) -> str:
        """Of the scheduler."""
        return str(self.client.scheduler.address)

    def close(self) -> None:
        """Let go of the cluster, and end it if it is the run's own."""
        if self.token is not None:
            self.token.unlink(missing_ok=True)
        try:
            self.client.close(timeout=5)
            if self.own is not None:
                self.own.close(timeout=15)
        except (OSError, TimeoutError) as problem:
            _log.warning("the cluster did not end in order: %s", problem)
        finally:
            self.until_closed.close()


def open_cluster(request: ClusterRequest, logs: Path) -> DaskCluster:
    """Find a cluster or start one; returns before all of its workers are there.

    Args:
        request: What was asked for.
        logs: Folder for what its processes print, where they are the run's own.

    Raises:
        UserError: It cannot be had.
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
        f"the scheduler {address} is neither local nor protected by TLS: whoever reaches it can "
        "run code as you; see --tls-ca-file"
    )
    return DaskCluster(client, request, () if is_protected(address) else (unprotected,))


def _started(request: ClusterRequest, logs: Path, until_closed: ExitStack) -> Any:
    """Start a cluster of the run's own; what it needs as long as it lives is put on the stack."""
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
            # Its HTTP server comes in any case, and would listen on every address.
            dashboard_address="127.0.0.1:0",
            # Every user of this machine can reach a port of it.
            security=security or Security.temporary(),
            protocol="tls://",
            memory_limit=0,
            silence_logs=logging.WARNING,
            env={LOG_VARIABLE: str(logs / "dask-workers.log")},
            preload=PRELOAD,
            local_directory=tempfile.gettempdir(),
        )


def _let_dask_log_with_us() -> None:
    """Have Dask's lines go where ours go: a handler of its own writes onto the screen."""
    for name in ("distributed", "distributed.client", "asyncssh", "bokeh", "tornado"):
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True
