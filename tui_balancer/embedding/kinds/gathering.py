"""What is kept of a batch, gathered while the layers are computed."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import torch

from tui_balancer.embedding.kinds.modules import Gather, Gathered, module_of
from tui_balancer.embedding.packing import PackedBatch
from tui_balancer.representations import Representations


class Gathering:
    """What gathers the rows of each batch; see `representations.Representations`."""

    def __init__(
        self, kept: Representations, faster: Mapping[str, Gather] = MappingProxyType({})
    ) -> None:
        """Find the modules of the kinds.

        Args:
            kept: What is to be kept.
            faster: What the device has for some kinds instead of their modules' `gather`.
        """
        self.kept = kept
        self.gather: Mapping[str, Gather] = {
            kind.name: faster.get(kind.name) or module_of(kind).gather
            for kind in kept.kinds
            if kind.source == "states"
        }
        self.parts = [(part.kind.name, part.layer) for part in kept.parts(0)]

    def begin(self, batch: PackedBatch) -> BatchRows:
        """Begin a batch, which is on the device."""
        return BatchRows(self, batch)


class BatchRows:
    """The rows of one batch of B sequences."""

    def __init__(self, gathering: Gathering, batch: PackedBatch) -> None:
        self._gathering, self._batch = gathering, batch
        self._found: dict[tuple[str, int], Gathered] = {}

    def layer(self, number: int, states: torch.Tensor) -> None:
        """Keep what is wanted of a layer's states, float32 of shape (T, D); they must stay so."""
        if number in self._gathering.kept.layers:
            for name, gather in self._gathering.gather.items():
                self._found[name, number] = gather(states, self._batch)

    def joined(self, attended: Gathered | None = None) -> torch.Tensor:
        """Return the rows: of shape (B, numbers), or end to end where they differ in size.

        Args:
            attended: What is kept of the attention of each sequence; None where nothing is.
        """
        found = (self._found.get(part, attended) for part in self._gathering.parts)
        parts = [part for part in found if part is not None]
        if self._gathering.kept.fixed:
            matrices = [part for part in parts if isinstance(part, torch.Tensor)]
            return matrices[0] if len(matrices) == 1 else torch.cat(matrices, dim=1)
        sequences = zip(*parts, strict=True)
        return torch.cat([one.flatten() for sequence in sequences for one in sequence])
