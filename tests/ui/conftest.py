"""A screen that does not mind how fast the machine is."""

from __future__ import annotations

from tests.support.screen import unhurried

__all__ = ["unhurried"]
