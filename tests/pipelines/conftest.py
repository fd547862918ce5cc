"""These tests need Snakemake: where it is not installed, collection leaves them out."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from tests.support.collection import leave_out


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if importlib.util.find_spec("snakemake") is None:
        leave_out(Path(__file__).parent, config, items)
