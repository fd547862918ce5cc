"""A run's models as its ledger has them, so that a resumed run need not check them again."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tui_balancer.embedding.checkpoints.stamps import stamp_of
from tui_balancer.embedding.families.table import MODELS
from tui_balancer.embedding.models import ModelSource


def model_json(source: ModelSource) -> dict[str, Any]:
    """Return a model that was checked, as values that JSON has.

    Of a checkpoint whose architecture has no name the ledger keeps only what it is compared by.
    """
    stored: dict[str, Any] = {"label": source.label, "sha256": source.sha256}
    shape = next((name for name, shape in MODELS.items() if shape == source.shape), None)
    if source.checkpoint is not None and shape is not None:
        stored |= {
            "name": source.name,
            "shape": shape,
            "path": str(source.checkpoint),
            "stamp": [list(one) for one in source.stamp],
        }
    return stored


def unchanged_model(stored: Mapping[str, Any]) -> ModelSource | None:
    """Return a stored model if size and time of its checkpoint are the same; else None.

    Args:
        stored: See `model_json`; an older version may have written less.
    """
    if stored.get("shape") not in MODELS:
        return None
    path, stamp = Path(stored["path"]), tuple((size, time) for size, time in stored["stamp"])
    if not stamp or stamp_of(path) != stamp:
        return None
    return ModelSource(
        stored["label"],
        stored["name"],
        MODELS[stored["shape"]],
        path,
        stored["sha256"],
        seed=None,
        stamp=stamp,
    )
