"""Where the program keeps for the next run what it can always find out again."""

from __future__ import annotations

import os
from pathlib import Path

CACHE_VARIABLE = "TUI_BALANCER_CACHE"
"""Environment variable that names another folder than the user's cache."""

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
