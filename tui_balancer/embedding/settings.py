"""What decides the bytes of an output, besides the input and the weights. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class EmbeddingSettings:
    """Settings of the forward pass; one for the whole run.

    Attributes:
        repr_layer: Layer whose representations are pooled; negative counts from the last.
        max_length: Residues kept of a sequence; the rest is cut, counted and flagged.
        batch_tokens: Padded tokens in a batch, at most (one longer sequence is a batch alone).
    """

    repr_layer: int = -1
    max_length: int = 1022
    batch_tokens: int = 4096
