"""The models of a run, and how long a device takes to load each."""

from __future__ import annotations

from collections.abc import Sequence

from tui_balancer.scheduler.model import ModelSpec


class ModelLoads:
    """The time to load each model: estimated from its size, then as last measured.

    One figure holds for all devices: the weights come from the same disk or page cache.

    Attributes:
        several: Whether the run has several models.
        places: The places of the models in the run.
    """

    def __init__(self, models: Sequence[ModelSpec]) -> None:
        self._models = models
        self.several = len(models) > 1
        self.places = range(len(models))
        self._seconds = [one.load_seconds for one in models]

    def name(self, model: int) -> str:
        """Return the name of a model."""
        return self._models[model].name

    def seconds(self, model: int) -> float:
        """Return the seconds that a device takes to load a model."""
        return self._seconds[model]

    def learn(self, model: int, seconds: float) -> None:
        """Record that a device has loaded a model in so many seconds."""
        self._seconds[model] = seconds
