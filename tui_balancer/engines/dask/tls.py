"""Access to a cluster: Dask's certificates, and the check for unencrypted schedulers."""

from __future__ import annotations

import ipaddress
import os
import socket
import tempfile
from pathlib import Path
from urllib.parse import urlsplit

from distributed import Security

from tui_balancer.engines.dask.request import Tls
from tui_balancer.errors import UserError

_ROLES = ("client", "scheduler", "worker")


def is_protected(address: str) -> bool:
    """Whether a scheduler is encrypted or only reachable on this machine."""
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


def security_of(tls: Tls) -> Security:
    """Return Dask's certificate settings, the same for every role.

    Raises:
        UserError: A file does not exist.
    """
    for option, path in (
        ("--tls-ca-file", tls.ca_file),
        ("--tls-cert", tls.cert),
        ("--tls-key", tls.key),
    ):
        if not os.access(path, os.R_OK):
            raise UserError(f"{option} {path} does not exist or is not readable")
    return Security(
        tls_ca_file=str(tls.ca_file),
        require_encryption=True,
        **{
            f"tls_{role}_{part}": str(path)
            for role in _ROLES
            for part, path in (("cert", tls.cert), ("key", tls.key))
        },
    )


def settings_of(tls: Tls) -> dict[str, object]:
    """Return the same as Dask configuration, which is sent to the hosts it starts."""
    return {
        "distributed.comm.require-encryption": True,
        "distributed.comm.tls.ca-file": str(tls.ca_file),
        **{f"distributed.comm.tls.{role}.cert": str(tls.cert) for role in _ROLES},
        **{f"distributed.comm.tls.{role}.key": str(tls.key) for role in _ROLES},
    }


def made_for_one_cluster(folder: Path) -> Tls:
    """Make certificates in a private folder on a shared file system.

    Raises:
        OSError: They cannot be written.
    """
    made = Security.temporary()
    private = Path(tempfile.mkdtemp(prefix=".tls-", dir=folder))
    tls = Tls(private / "ca.pem", private / "cert.pem", private / "key.pem")
    tls.ca_file.write_text(made.tls_ca_file)
    tls.cert.write_text(made.tls_worker_cert)
    tls.key.write_text(made.tls_worker_key)
    return tls
