"""What attention computes, by its formula."""

from __future__ import annotations

import torch


def by_hand(
    states: list[torch.Tensor],
    lengths: list[int],
    bias: torch.Tensor | None = None,
    scale: float | None = None,
) -> torch.Tensor:
    """Softmax attention written out in double precision, sequence by sequence."""
    parts = []
    for query, key, value in zip(*(one.double().split(lengths) for one in states), strict=True):
        factor = query.shape[-1] ** -0.5 if scale is None else scale
        scores = torch.einsum("ihd,jhd->hij", query, key) * factor
        if bias is not None:
            near = torch.arange(len(query))
            scores += bias[:, bias.shape[1] // 2 + near - near[:, None]]
        parts.append(torch.einsum("hij,jhd->ihd", scores.softmax(-1), value))
    return torch.cat(parts).to(states[0].dtype)
