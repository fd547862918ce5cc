"""A Dask cluster in this process's hands: found or started, and let go of again."""

from __future__ import annotations

import ipaddress
import logging
import os
import socket
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import dask.config
from distributed import Client, LocalCluster, Security

from tui_balancer.engines.dask_jobs import job_cluster, ssh_cluster
from tui_balancer.engines.dask_preload import LOG_VARIABLE, PRELOAD
from tui_balancer.engines.dask_request import ClusterRequest, Tls
from tui_balancer.errors import UserError

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
    """

    client: Client
    request: ClusterRequest
    warnings: tuple[str, ...] = ()
    own: Any = None
    token: Path | None = None
    _settings: Any = field(default=None, repr=False)

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
            if self._settings is not None:
                self._settings.__exit__(None, None, None)
                self._settings = None


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
    settings = dask.config.set(dict(SETTINGS))
    settings.__enter__()
    own = None
    try:
        logs.mkdir(parents=True, exist_ok=True)
        own = _started(request, logs)
        client = Client(own, timeout=CONNECT_SECONDS, set_as_default=False)
    except BaseException as problem:
        if own is not None:
            own.close(timeout=5)
        settings.__exit__(None, None, None)
        if isinstance(problem, UserError) or not isinstance(problem, Exception):
            raise
        raise UserError(f"the cluster cannot be started: {_line(problem)}") from problem
    return DaskCluster(client, request, own=own, _settings=settings)


def _connect(request: ClusterRequest, address: str) -> DaskCluster:
    security = _security(request.tls) if request.tls is not None else None
    try:
        client = Client(
            address,
            security=security,
            timeout=CONNECT_SECONDS,
            set_as_default=False,
        )
    except (OSError, ValueError, TypeError, RuntimeError) as problem:
        raise UserError(
            f"--scheduler {address}: no Dask scheduler answers there ({_line(problem)})"
        ) from problem
    unprotected = (
        f"the scheduler {address} is neither local nor protected by TLS: whoever reaches it can "
        "run code as you; see --tls-ca-file"
    )
    return DaskCluster(client, request, () if is_protected(address) else (unprotected,))


def _started(request: ClusterRequest, logs: Path) -> Any:
    """Start a cluster of the run's own."""
    if request.local is not None:
        return LocalCluster(
            n_workers=request.local,
            threads_per_worker=THREADS,
            processes=True,
            host="127.0.0.1",
            # Its HTTP server comes in any case, and would listen on every address.
            dashboard_address="127.0.0.1:0",
            # Every user of this machine can reach a port of it.
            security=_security(request.tls) if request.tls else Security.temporary(),
            protocol="tls://",
            memory_limit=0,
            silence_logs=logging.WARNING,
            env={LOG_VARIABLE: str(logs / "dask-workers.log")},
            preload=PRELOAD,
            local_directory=tempfile.gettempdir(),
        )
    if request.hosts:
        return ssh_cluster(request, _security(request.tls) if request.tls else None)
    return job_cluster(request, _security(request.tls) if request.tls else True, logs)


def is_protected(address: str) -> bool:
    """Whether a scheduler is encrypted, or cannot be reached from elsewhere."""
    parts = urlsplit(address if "://" in address else f"tcp://{address}")
    if parts.scheme in ("tls", "ws+tls", "wss", "inproc", "ucx"):
        return parts.scheme != "ucx"
    host = parts.hostname or ""
    if host in ("localhost", socket.gethostname()):
        return host == "localhost"
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _security(tls: Tls) -> Security:
    """Return certificates as Dask wants them, the same for every role.

    Raises:
        UserError: A file is not there.
    """
    for option, path in (
        ("--tls-ca-file", tls.ca_file),
        ("--tls-cert", tls.cert),
        ("--tls-key", tls.key),
    ):
        if not os.access(path, os.R_OK):
            raise UserError(f"{option} {path}: there is no such file, or it cannot be read")
    return Security(
        tls_ca_file=str(tls.ca_file),
        require_encryption=True,
        **{
            f"tls_{role}_{part}": str(path)
            for role in ("client", "scheduler", "worker")
            for part, path in (("cert", tls.cert), ("key", tls.key))
        },
    )


def _let_dask_log_with_us() -> None:
    """Have Dask's lines go where ours go: a handler of its own writes onto the screen."""
    for name in ("distributed", "distributed.client", "asyncssh", "bokeh", "tornado"):
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True


def _line(problem: BaseException) -> str:
    return " ".join(str(problem).split()) or type(problem).__name__
