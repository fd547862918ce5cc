"""Settings of a run, each given by its own name alone."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import fields
from typing import Any

from tui_balancer.settings import (
    BalancingSettings,
    DeviceSettings,
    EmbeddingChoice,
    OutputSettings,
    RunSettings,
)

_GROUPS: dict[str, type[Any]] = {
    "embedding": EmbeddingChoice,
    "outputs": OutputSettings,
    "devices": DeviceSettings,
    "balancing": BalancingSettings,
}
_GROUP_OF = {field.name: name for name, kind in _GROUPS.items() for field in fields(kind)}


def flat_settings(**given: Any) -> RunSettings:
    """Return settings of which those of a group are given without it, such as `cpu_threads=1`."""
    groups: dict[str, dict[str, Any]] = defaultdict(dict)
    for name in given.keys() & _GROUP_OF.keys():
        groups[_GROUP_OF[name]][name] = given.pop(name)
    return RunSettings(**given, **{name: _GROUPS[name](**of) for name, of in groups.items()})
