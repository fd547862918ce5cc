"""What every test needs before its first import: one thread for torch, and a way to spawn."""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import count
from multiprocessing import resource_tracker

import pytest

# Read when torch is first imported, here and in every process that a test starts.
os.environ["OMP_NUM_THREADS"] = "1"
os.environ["MKL_NUM_THREADS"] = "1"

# A captured or redirected stderr has no descriptor, and the tracker wants one to start.
resource_tracker.ensure_running()

_tests = count()


@pytest.fixture(scope="session", autouse=True)
def _caches(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep the user's cache out of reach, of fixtures too that outlive a test."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TUI_BALANCER_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))
        yield


@pytest.fixture(autouse=True)
def _no_learned_rates(
    _caches: None, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Let no test begin with what another one measured."""
    folder = tmp_path_factory.getbasetemp() / "caches" / str(next(_tests))
    monkeypatch.setenv("TUI_BALANCER_CACHE", str(folder))
