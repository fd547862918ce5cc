"""ESM-2's code, see `code.FamilyCode`."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import torch

from tui_balancer.embedding.checkpoints.download import OnDownload
from tui_balancer.embedding.fairesm.layers import choose_forward
from tui_balancer.embedding.fairesm.loading import LoadedModel
from tui_balancer.embedding.fairesm.reference import ReferenceRows
from tui_balancer.embedding.fairesm.regression import see_to_regression
from tui_balancer.embedding.fairesm.weights import packer, take_contact_head, take_weights
from tui_balancer.embedding.families.code import Rows
from tui_balancer.embedding.families.esm2.checkpoints import load, read
from tui_balancer.embedding.families.requests import ModelRequest
from tui_balancer.embedding.kinds.contacts import ContactMaps
from tui_balancer.embedding.models import ModelSource
from tui_balancer.representations import Kind, Representations

__all__ = ["load", "packed", "read", "reference", "require"]


def require(
    source: ModelSource,
    request: ModelRequest,
    kinds: Sequence[Kind],
    on_download: OnDownload | None,
    first_byte_seconds: float | None,
) -> None:
    """See `code.FamilyCode`: what is predicted from the attention takes a regression."""
    if any(kind.source == "attention" for kind in kinds):
        see_to_regression(source, request, read, on_download, first_byte_seconds)


def packed(
    loaded: LoadedModel, kept: Representations, device: torch.device, dtype: torch.dtype
) -> Rows:
    """See `code.FamilyCode`."""
    last, attending = kept.layers[-1], None
    if kept.attention:
        last, head = loaded.shape.layers, take_contact_head(loaded.model, device)
        attending = partial(ContactMaps, head)
    forward = choose_forward(take_weights(loaded.model, last, device, dtype), kept, attending)
    pack = packer(loaded.alphabet).pack
    return lambda sequences: forward(pack(sequences))


reference = ReferenceRows
