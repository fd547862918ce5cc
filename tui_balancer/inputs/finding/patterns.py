"""Inputs as a person writes them. Imports nothing heavy: commands for a live run use it."""

from __future__ import annotations

import os
from pathlib import Path


def absolute_pattern(pattern: str) -> str:
    """Return an input as it is meant from any folder."""
    return os.path.abspath(Path(pattern).expanduser())  # noqa: PTH100
