"""What would make pictures differ from one machine to another."""

from __future__ import annotations

import time

import pytest

from tests.support.screen import unhurried

__all__ = ["unhurried"]


@pytest.fixture(autouse=True)
def _same_everywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
