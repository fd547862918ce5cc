"""A user without habits: no cache, no preferences, and none that outlive a test."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tui_balancer.cache import CACHE_VARIABLE
from tui_balancer.cli.preferences import PATH_VARIABLE


@contextmanager
def private_user() -> Iterator[None]:
    """Let this process and those that it starts be such a user's; also a decorator."""
    before = dict(os.environ)
    with tempfile.TemporaryDirectory(prefix="user-", ignore_cleanup_errors=True) as folder:
        os.environ[CACHE_VARIABLE] = folder
        os.environ[PATH_VARIABLE] = str(Path(folder) / "config.toml")
        try:
            yield
        finally:
            os.environ.clear()
            os.environ.update(before)
