"""Leaving whole folders of tests out where what they need is not there."""

from __future__ import annotations

from pathlib import Path

import pytest


def leave_out(folder: Path, config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect the tests that lie in a folder."""
    left_out = [item for item in items if folder in item.path.parents]
    items[:] = [item for item in items if folder not in item.path.parents]
    config.hook.pytest_deselected(items=left_out)
