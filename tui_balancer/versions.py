"""The versions of what decides a result, read without importing any of it."""

from __future__ import annotations

import platform
from contextlib import suppress
from importlib import metadata

from tui_balancer import __version__


def versions() -> dict[str, str]:
    """Return the versions of what decides a result; no library is imported for it."""
    found = {"tui-balancer": __version__, "python": platform.python_version()}
    for package in ("torch", "fair-esm"):
        with suppress(metadata.PackageNotFoundError):
            found[package] = metadata.version(package)
    return found
