"""A cache that is nobody's: what a test measures says nothing about the user's devices."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

from tui_balancer.cache import CACHE_VARIABLE


@contextmanager
def private_cache() -> Iterator[None]:
    """Have this process and those that it starts use an empty cache; also a decorator."""
    before = os.environ.get(CACHE_VARIABLE)
    with tempfile.TemporaryDirectory(prefix="cache-", ignore_cleanup_errors=True) as folder:
        os.environ[CACHE_VARIABLE] = folder
        try:
            yield
        finally:
            if before is None:
                del os.environ[CACHE_VARIABLE]
            else:
                os.environ[CACHE_VARIABLE] = before
