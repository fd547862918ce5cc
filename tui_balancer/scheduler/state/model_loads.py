"""The models of a run, and how long a device takes to load each."""

from __future__ import annotations

from collections.abc import Sequence

from tui_balancer.scheduler.model import ModelSpec


class ModelLoads:
    """The time to load each model: estimated from its size, then as last measured.

    One figure holds for all devices: the weights come from the same disk or page cache.
    """

    def __init__(self, models: Sequence[ModelSpec]) -> None:
        self._models = models
        self._seconds = [one.load_seconds for one in models]

    @property
    def several(self) -> bool:
        """Whether the run has several models."""
        return len(self._models) > 1

    @property
    def places(self) -> range:
        """The places of the models in the run."""
        return range(len(self._models))

    def name(self, model: int) -> str:
        """Return the name of a model."""
        return self._models[model].name

    def seconds(self, model: int) -> float:
        """Return the seconds that a device takes to load a model."""
        return self._seconds[model]

    def learn(self, model: int, seconds: float) -> None:
        """Record that a device has loaded a model in so many seconds."""
        self._seconds[model] = seconds
