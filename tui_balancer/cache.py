"""Where the program keeps for the next run what it can always find out again."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TypeVar

CACHE_VARIABLE = "TUI_BALANCER_CACHE"
"""Environment variable that names another folder than the user's cache."""

Kept = TypeVar("Kept")

COMPILED = "compiled"
"""Its folder of libraries made of C of our own."""

NO_HOME = "/dev/null"
"""Home of users who have none: nothing is found there, and not even root can make anything."""


def settle_home() -> None:
    """Give a user without a home one that cannot be written.

    Containers and batch systems run programs under users who are not in the passwd file, without
    HOME. Every library that looks for its files then raises its own error.
    """
    try:
        Path.home()
    except RuntimeError:
        os.environ["HOME"] = NO_HOME


def cache_folder() -> Path:
    """Return the folder, which may not exist."""
    from platformdirs import user_cache_path

    folder = os.environ.get(CACHE_VARIABLE)
    return Path(folder) if folder else user_cache_path("tui-balancer")


def read_cached(name: str, kind: type[Kept]) -> Kept | None:
    """Return what a file of the folder has as JSON; None without a valid one."""
    import msgspec

    try:
        return msgspec.json.decode((cache_folder() / name).read_bytes(), type=kind)
    except (OSError, ValueError, RecursionError):
        return None


def write_cached(name: str, content: bytes) -> None:
    """Write a file of the folder as a whole, so that a reader never finds a part of it.

    Raises:
        OSError: It cannot be written.
    """
    path = cache_folder() / name
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=name)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
    Path(temporary).replace(path)
