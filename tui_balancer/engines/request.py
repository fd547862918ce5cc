"""A request for an engine."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class EngineRequest:
    """A request for an engine; an engine with options has its own class.

    Attributes:
        engine: Name of the engine, see `engines.table`.
    """

    engine: str
