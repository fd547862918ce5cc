"""The two forward passes of a loaded model, see `code.FamilyCode`."""

from __future__ import annotations

from functools import partial

import torch

from tui_balancer.embedding.fairesm.layers import choose_forward
from tui_balancer.embedding.fairesm.loading import LoadedModel
from tui_balancer.embedding.fairesm.reference import ReferenceRows
from tui_balancer.embedding.fairesm.weights import packer, take_contact_head, take_weights
from tui_balancer.embedding.families.code import Rows
from tui_balancer.embedding.kinds.contacts import ContactMaps
from tui_balancer.representations import Representations

__all__ = ["packed", "reference"]


def packed(
    loaded: LoadedModel, kept: Representations, device: torch.device, dtype: torch.dtype
) -> Rows:
    """See `code.FamilyCode.packed`."""
    last, attending = kept.layers[-1], None
    if kept.attention:
        last, head = loaded.shape.layers, take_contact_head(loaded.model, device)
        attending = partial(ContactMaps, head)
    forward = choose_forward(take_weights(loaded.model, last, device, dtype), kept, attending)
    pack = packer(loaded.alphabet).pack
    return lambda sequences: forward(pack(sequences))


reference = ReferenceRows
