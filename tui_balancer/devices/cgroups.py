"""What Linux control groups leave of the machine: the limits of batch systems and containers.

Both versions are read. A limit may be set on the process's own group or on any above it, and
a container may see its own group as the root; so every level counts, and the least holds.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

MOUNT = Path("/sys/fs/cgroup")
MEMBERSHIP = Path("/proc/self/cgroup")


def cpu_quota(mount: Path = MOUNT, membership: Path = MEMBERSHIP) -> float | None:
    """Return the processor time granted, in cores, or None without a limit."""
    quotas = []
    for folder in _folders("cpu", mount, membership):
        match _read(folder / "cpu.max").split():
            case [quota, period] if quota.isdigit():
                quotas.append(int(quota) / int(period))
        quota = _read(folder / "cpu.cfs_quota_us")
        if quota.isdigit():
            quotas.append(int(quota) / int(_read(folder / "cpu.cfs_period_us")))
    return min(quotas, default=None)


def memory_limit(mount: Path = MOUNT, membership: Path = MEMBERSHIP) -> int | None:
    """Return the memory granted, in bytes, or None without a limit."""
    limits = [
        int(text)
        for folder in _folders("memory", mount, membership)
        for name in ("memory.max", "memory.limit_in_bytes")
        if (text := _read(folder / name)).isdigit()
    ]
    return min(limits, default=None)


def _folders(controller: str, mount: Path, membership: Path) -> Iterator[Path]:
    """Yield the folders of the groups that this process is in, innermost first."""
    for line in _read(membership).splitlines():
        _, controllers, group = line.split(":", 2)
        if controllers and controller not in controllers.split(","):
            continue
        root = mount / controllers if controllers else mount
        inner = root / group.lstrip("/")
        yield inner
        yield from (folder for folder in inner.parents if folder.is_relative_to(root))


def _read(path: Path) -> str:
    """Return a file's text, stripped; empty when there is none."""
    try:
        return path.read_text().strip()
    except OSError:
        return ""
