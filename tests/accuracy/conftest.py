"""These tests need trained weights, see `tests.support.trained`: without, they are left out."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support import trained
from tests.support.collection import leave_out


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not trained.is_installed():
        leave_out(Path(__file__).parent, config, items)
