"""Where the program keeps for the next run what it can always find out again."""

from __future__ import annotations

import os
from pathlib import Path

from platformdirs import user_cache_path

CACHE_VARIABLE = "TUI_BALANCER_CACHE"
"""Environment variable that names another folder than the user's cache."""

COMPILED = "compiled"
"""Its folder of libraries made of C of our own."""


def cache_folder() -> Path:
    """Return the folder, be it there or not."""
    folder = os.environ.get(CACHE_VARIABLE)
    return Path(folder) if folder else user_cache_path("tui-balancer")
