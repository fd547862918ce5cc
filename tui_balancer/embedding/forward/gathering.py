"""What is kept of a batch, gathered while the layers are computed."""

from __future__ import annotations

from collections.abc import Callable

import torch

from tui_balancer.embedding.forward.contacts import ContactHead, ContactMaps
from tui_balancer.embedding.forward.packing import PackedBatch
from tui_balancer.representations import Representations

Means = Callable[[torch.Tensor, PackedBatch], torch.Tensor]
"""States of shape (T, D) and their batch in; means over the residues out, of shape (B, D)."""


class Gathering:
    """The rows of one batch of B sequences; see `representations.Representations`."""

    def __init__(
        self,
        kept: Representations,
        batch: PackedBatch,
        means: Means,
        head: ContactHead | None = None,
    ) -> None:
        """Begin with nothing.

        Args:
            kept: What is to be kept.
            batch: On the device.
            means: The device's way to pool.
            head: Of the model, where contacts are kept.
        """
        self._kept, self._batch, self._means = kept, batch, means
        self._states: dict[int, dict[str, torch.Tensor]] = {}
        self._maps = ContactMaps(head, batch) if head is not None else None

    def layer(self, number: int, states: torch.Tensor) -> None:
        """Keep what is wanted of a layer's states, float32 of shape (T, D); they must stay so."""
        if number not in self._kept.layers:
            return
        taken = self._states[number] = {}
        kinds = self._kept.kinds
        if "mean" in kinds:
            taken["mean"] = self._means(states, self._batch)
        if "bos" in kinds:
            taken["bos"] = states[self._batch.bounds[:-1].long()]
        if "per_tok" in kinds:
            taken["per_tok"] = states

    def attention(self, layer: int, query: torch.Tensor, key: torch.Tensor) -> None:
        """Take the attention of a layer, from 0, into the contacts, where they are kept.

        Args:
            layer: Its number.
            query: Rotated and not scaled, of shape (T, heads, width of a head).
            key: The same.
        """
        if self._maps is not None:
            self._maps.add(layer, query, key)

    def rows(self) -> torch.Tensor:
        """Return the rows: of shape (B, numbers), or end to end where they differ in size."""
        fixed = [
            self._states[layer][kind]
            for kind in self._kept.kinds
            if kind in ("mean", "bos")
            for layer in self._kept.layers
        ]
        if self._kept.fixed:
            return fixed[0] if len(fixed) == 1 else torch.cat(fixed, dim=1)
        parts: list[torch.Tensor] = []
        for sequence, residues in enumerate(self._batch.residues()):
            parts += [one[sequence] for one in fixed]
            if "per_tok" in self._kept.kinds:
                for layer in self._kept.layers:
                    parts.append(self._states[layer]["per_tok"][residues].flatten())
            if self._maps is not None:
                parts.append(self._maps.contacts(sequence).flatten())
        return torch.cat(parts)
