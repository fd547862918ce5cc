"""The weights that predict contacts, from fair-esm's file next to the checkpoint."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import torch

from tui_balancer.embedding.checkpoints.download import OnDownload, download_checkpoint
from tui_balancer.embedding.checkpoints.tensors import unpickled
from tui_balancer.embedding.fairesm.checkpoint import Checkpoint
from tui_balancer.embedding.families.requests import ModelRequest, NamedModel
from tui_balancer.embedding.models import ModelSource
from tui_balancer.errors import UserError

REGRESSIONS_URL = "https://dl.fbaipublicfiles.com/fair-esm/regression"

CONTACT_HEAD = ("contact_head.regression.weight", "contact_head.regression.bias")


def regression_path(checkpoint: Path) -> Path:
    """Return where the regression of a checkpoint lies, be it there or not."""
    return checkpoint.with_name(f"{checkpoint.stem}-contact-regression.pt")


def read_regression(checkpoint: Path) -> Mapping[str, torch.Tensor]:
    """Return the regression next to a checkpoint, by its names in fair-esm's model; {} without one.

    Raises:
        UserError: It is broken, or something else.
    """
    path = regression_path(checkpoint)
    if checkpoint.is_dir() or not path.exists():
        return {}
    weights = unpickled(path).get("model")
    if not isinstance(weights, Mapping) or not set(CONTACT_HEAD) <= weights.keys():
        raise UserError(f"{path} is no contact regression of fair-esm's: put the right one there")
    return {name: weights[name] for name in CONTACT_HEAD}


def see_to_regression(
    source: ModelSource,
    request: ModelRequest,
    read: Callable[[Path], Checkpoint],
    on_download: OnDownload | None = None,
    first_byte_seconds: float | None = None,
    url: str = REGRESSIONS_URL,
) -> None:
    """Make sure that a model can predict contacts, downloading what that takes for a named one.

    Args:
        source: The model, as it was resolved; folders in Hugging Face's format bring it along.
        request: What was asked for.
        read: Reads a checkpoint of its family.
        on_download: See `download_checkpoint`.
        first_byte_seconds: See `download_checkpoint`.
        url: Folder that regressions are fetched from.

    Raises:
        UserError: It cannot.
    """
    if source.checkpoint is None:
        return
    if source.checkpoint.is_dir():
        if CONTACT_HEAD[0] not in read(source.checkpoint).weights:
            raise UserError(
                f"{source.checkpoint} has no {CONTACT_HEAD[0]}, so it cannot predict contacts: "
                "leave them out of --include"
            )
        return
    path = regression_path(source.checkpoint)
    if isinstance(request, NamedModel) and not path.exists():
        download_checkpoint(path.stem, path, on_download, first_byte_seconds, url)
    if not read_regression(source.checkpoint):
        raise UserError(
            f"contacts need fair-esm's regression for this model as {path}: put it there, or "
            "leave contacts out of --include"
        )
