"""Checks that SQLite's write-ahead log works in a folder."""

from __future__ import annotations

from pathlib import Path

import psutil

_NETWORK_KINDS = frozenset(
    {
        *("9p", "afs", "beegfs", "ceph", "cifs", "drvfs", "gfs2", "glusterfs", "gpfs", "lustre"),
        *("ncpfs", "nfs", "nfs3", "nfs4", "ocfs2", "orangefs", "panfs", "pvfs2", "smb2", "smb3"),
        *("smbfs", "vboxsf", "wekafs"),
    }
)


def on_network(folder: Path) -> bool:
    """Whether a folder's file system is shared between machines, as far as its mount tells.

    The log needs memory shared by all who open the database, which machines do not have
    between them. FUSE mounts count as shared: most are (sshfs, gcsfuse, …), and being wrong
    costs a little speed only.
    """
    real = folder.resolve()
    mounts = {Path(part.mountpoint): part.fstype for part in psutil.disk_partitions(all=True)}
    kind = next((mounts[parent] for parent in (real, *real.parents) if parent in mounts), "")
    return kind.lower() in _NETWORK_KINDS or kind.startswith("fuse.")
