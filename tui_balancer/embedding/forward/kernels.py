"""What stands between the matrix products of a layer, each in one pass over memory, in Triton.

A GPU multiplies matrices so fast that the rest of a layer, which only moves numbers, takes as
long again if every step reads and writes them again. Block sizes follow from the shapes alone
and nothing is tuned at run time: the same batch has the same bytes on every card of a kind.

Triton comes with torch's builds for NVIDIA's and AMD's GPUs, and needs a C compiler at its first
use; `fused` offers these kernels only where they are seen to work.
"""

from __future__ import annotations

import torch
import triton
from triton import language as tl

from tui_balancer.embedding.forward.products import Linear

_EPSILON = tl.constexpr(1e-5)
"""Of torch's layer norm by default, which fair-esm takes."""

_WIDE = 2048
_POOLED_ROWS, _POOLED_COLUMNS = 16, 64


def add_norm(
    states: torch.Tensor, added: torch.Tensor | None, norm: Linear, dtype: torch.dtype
) -> torch.Tensor:
    """Add to the residual in place, if there is something to add, and return its layer norm.

    Args:
        states: The residual; float32 of shape (T, width).
        added: Of the same shape, in any format.
        norm: Weight and bias; float32 of shape (width,).
        dtype: Of the result.
    """
    tokens, width = states.shape
    normed = torch.empty(states.shape, dtype=dtype, device=states.device)
    _add_norm[(tokens,)](
        states,
        states if added is None else added,
        *norm,
        normed,
        ADD=added is not None,
        WIDTH=width,
        BLOCK=triton.next_power_of_2(width),
        num_warps=4 if width <= _WIDE else 8,
    )
    return normed


def rotate(
    together: torch.Tensor, positions: torch.Tensor, turns: torch.Tensor, heads: int
) -> None:
    """Rotate queries and keys by their positions, in place, computing in float32.

    Args:
        together: Queries, keys and values side by side; of shape (T, 3 · width).
        positions: Of each token in its own sequence; int64 of shape (T,).
        turns: Cosines, then sines, of each position; float32 of shape (positions, head width).
        heads: Of the attention; a head's dimensions i and i + width/2 are a pair.
    """
    half = turns.shape[1] // 2
    _rotate[(len(together), 2)](
        together,
        positions,
        turns,
        HEADS=heads,
        HALF=half,
        HEAD_BLOCK=triton.next_power_of_2(heads),
        HALF_BLOCK=triton.next_power_of_2(half),
    )


def residue_means(states: torch.Tensor, bounds: torch.Tensor) -> torch.Tensor:
    """Return the mean over each sequence's residues, its first and last token left out.

    Args:
        states: float32 of shape (T, width).
        bounds: Where the B sequences begin and the last one ends; int32 of shape (B + 1,).

    Returns:
        float32 of shape (B, width).
    """
    sequences, width = len(bounds) - 1, states.shape[1]
    means = torch.empty(sequences, width, device=states.device)
    _residue_means[(sequences, triton.cdiv(width, _POOLED_COLUMNS))](
        states, bounds, means, WIDTH=width, ROWS=_POOLED_ROWS, COLUMNS=_POOLED_COLUMNS
    )
    return means


@triton.jit
def _add_norm(
    states, added, weight, bias, normed, ADD: tl.constexpr, WIDTH: tl.constexpr, BLOCK: tl.constexpr
):
    column = tl.arange(0, BLOCK)
    there = column < WIDTH
    place = tl.program_id(0).to(tl.int64) * WIDTH + column
    row = tl.load(states + place, mask=there, other=0.0)
    if ADD:
        row += tl.load(added + place, mask=there, other=0.0).to(tl.float32)
        tl.store(states + place, row, mask=there)
    centred = tl.where(there, row - tl.sum(row, 0) / WIDTH, 0.0)
    scale = tl.rsqrt(tl.sum(centred * centred, 0) / WIDTH + _EPSILON)
    scaled = centred * scale * tl.load(weight + column, mask=there, other=0.0)
    result = scaled + tl.load(bias + column, mask=there, other=0.0)
    tl.store(normed + place, result.to(normed.dtype.element_ty), mask=there)


@triton.jit
def _rotate(
    together,
    positions,
    turns,
    HEADS: tl.constexpr,
    HALF: tl.constexpr,
    HEAD_BLOCK: tl.constexpr,
    HALF_BLOCK: tl.constexpr,
):
    token = tl.program_id(0).to(tl.int64)
    part = token * 3 + tl.program_id(1)
    head = tl.arange(0, HEAD_BLOCK)[:, None]
    pair = tl.arange(0, HALF_BLOCK)[None, :]
    there = (head < HEADS) & (pair < HALF)
    turn = turns + tl.load(positions + token) * 2 * HALF + pair
    cosine = tl.load(turn, mask=pair < HALF, other=0.0)
    sine = tl.load(turn + HALF, mask=pair < HALF, other=0.0)
    first = together + (part * HEADS + head) * 2 * HALF + pair
    x = tl.load(first, mask=there, other=0.0).to(tl.float32)
    y = tl.load(first + HALF, mask=there, other=0.0).to(tl.float32)
    tl.store(first, (x * cosine - y * sine).to(together.dtype.element_ty), mask=there)
    tl.store(first + HALF, (y * cosine + x * sine).to(together.dtype.element_ty), mask=there)


@triton.jit
def _residue_means(
    states, bounds, means, WIDTH: tl.constexpr, ROWS: tl.constexpr, COLUMNS: tl.constexpr
):
    sequence = tl.program_id(0).to(tl.int64)
    column = tl.program_id(1) * COLUMNS + tl.arange(0, COLUMNS)[None, :]
    start = tl.load(bounds + sequence) + 1
    residues = tl.load(bounds + sequence + 1) - 1 - start
    total = tl.zeros((ROWS, COLUMNS), tl.float32)
    for first in range(0, residues, ROWS):
        row = first + tl.arange(0, ROWS)[:, None]
        there = (row < residues) & (column < WIDTH)
        place = (start + row).to(tl.int64) * WIDTH + column
        total += tl.load(states + place, mask=there, other=0.0)
    mean = tl.sum(total, 0)[None, :] / residues
    tl.store(means + sequence * WIDTH + column, mean, mask=column < WIDTH)
