"""fair-esm's own forward pass, to hold ours against."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from tui_balancer.embedding.fairesm.loading import LoadedModel
from tui_balancer.embedding.kinds.gathering import Gathering
from tui_balancer.embedding.packing import PackedBatch, Run
from tui_balancer.representations import Representations


class ReferenceRows:
    """fair-esm's own tokeniser and forward pass, padding and all."""

    def __init__(self, loaded: LoadedModel, kept: Representations, device: torch.device) -> None:
        self._kept, self._device, self._gathering = kept, device, Gathering(kept)
        self._model, self._alphabet = loaded.model.to(device), loaded.alphabet
        self._tokenise = loaded.alphabet.get_batch_converter()

    @torch.inference_mode()
    def __call__(self, sequences: Sequence[str]) -> torch.Tensor:
        """See `code.Rows`."""
        kept = self._kept
        _, _, tokens = self._tokenise([("", sequence) for sequence in sequences])
        result = self._model(
            tokens.to(self._device),
            repr_layers=kept.layers,
            return_contacts=kept.attention,
        )
        rows = [self._row(result, row, len(sequence)) for row, sequence in enumerate(sequences)]
        return torch.stack(rows) if kept.fixed else torch.cat(rows)

    def _row(self, result: Mapping[str, Any], row: int, length: int) -> torch.Tensor:
        """Return the row of a sequence; its tokens come first, then padding."""
        before, after = int(self._alphabet.prepend_bos), int(self._alphabet.append_eos)
        tokens = before + length + after
        bounds = torch.tensor((0, tokens), device=self._device)
        alone = PackedBatch(bounds[:0], bounds[:0], bounds, (Run(0, 1, tokens),), before, after)
        rows = self._gathering.begin(alone)
        for layer, states in result["representations"].items():
            rows.layer(layer, states[row, :tokens])
        contacts = [result["contacts"][row, :length, :length]] if self._kept.attention else None
        return rows.joined(contacts).flatten()
