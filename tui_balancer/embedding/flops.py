"""Work of a forward pass, in the unit in which progress is reported. Imports no torch."""

from __future__ import annotations

from tui_balancer.embedding.checkpoints.registry import ModelShape


def forward_flops(shape: ModelShape, tokens: int) -> float:
    """Return the FLOPs of one sequence of `tokens` tokens through the transformer layers.

    `n·(24·d²·L + 4·d·L²)`: the linear layers, then the two products of attention.
    """
    return shape.layers * (24.0 * shape.width**2 * tokens + 4.0 * shape.width * tokens**2)
