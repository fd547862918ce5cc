"""Contacts as fair-esm predicts them, from the attention of all layers.

Rao et al. 2021, "Transformer protein language models are unsupervised structure learners": the
symmetrised, average-product-corrected attention maps go into one logistic regression. That is
linear in the maps, so they are added up as the layers come: one layer's maps of one sequence are
in memory, where fair-esm's own forward pass holds those of all layers and all sequences.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from tui_balancer.embedding.packing import PackedBatch


@dataclass(frozen=True, slots=True)
class ContactHead:
    """The regression's weights: of shape (layers, heads), and its bias, on the device."""

    weights: torch.Tensor
    bias: torch.Tensor


class ContactMaps:
    """The contacts of one batch; see `modules.Attended`."""

    def __init__(self, head: ContactHead, batch: PackedBatch) -> None:
        self._head = head
        self._tokens, self._inner = batch.sequences(), batch.inner
        self._sums = [
            torch.zeros(one.stop - one.start, one.stop - one.start, device=head.weights.device)
            for one in batch.residues()
        ]

    def add(self, layer: int, query: torch.Tensor, key: torch.Tensor) -> None:
        """See `modules.Attended.add`."""
        weights = self._head.weights[layer][:, None, None]
        for tokens, total in zip(self._tokens, self._sums, strict=True):
            q, k = (one[tokens].transpose(0, 1).float() for one in (query, key))
            scores = q @ k.transpose(1, 2) * q.shape[2] ** -0.5
            maps = scores.softmax(-1)[:, self._inner, self._inner]
            maps = maps + maps.transpose(1, 2)
            sums = maps.sum(-1, keepdim=True)
            expected = sums * sums.transpose(1, 2) / sums.sum(1, keepdim=True)
            total += ((maps - expected) * weights).sum(0)

    def parts(self) -> list[torch.Tensor]:
        """Return each sequence's probabilities of contact, of shape (L, L)."""
        return [torch.sigmoid(total + self._head.bias) for total in self._sums]
