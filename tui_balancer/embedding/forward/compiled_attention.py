"""Attention, and the rotation before it, by C of our own, `attention.c`: for a CPU in float32.

torch's attention sends each head's small products to a BLAS and computes its exponentials in
between; three times as fast is what keeps both in registers. It needs a C compiler.
"""

from __future__ import annotations

import logging
from ctypes import CDLL, c_double, c_long, c_void_p
from functools import cache
from itertools import pairwise
from pathlib import Path

import torch
from torch.nn import functional

from tui_balancer.embedding.forward.threads import share_out
from tui_balancer.embedding.packing import PackedBatch
from tui_balancer.process.compiled import NotCompiled, compiled

_SOURCE = Path(__file__).with_name("attention.c")
_PROBE_ERROR = 1e-5
"""Of numbers around 1; float32 errs by 1e-6."""

_log = logging.getLogger(__name__)


class Library:
    """The compiled functions, shared out among torch's number of threads."""

    def __init__(self, library: CDLL) -> None:
        self._attend, self._scratch_floats = library.attend, library.scratch_floats
        self._attend.argtypes = (
            [c_void_p] * 5 + [c_long] * 5 + [c_double, c_void_p, c_long, c_void_p]
        )
        self._attend.restype = None
        self._scratch_floats.argtypes = [c_long] * 2
        self._scratch_floats.restype = c_long
        self._rotate = library.rotate
        self._rotate.argtypes = [c_void_p] * 3 + [c_long] * 3
        self._rotate.restype = None

    def attend(
        self,
        query: torch.Tensor,
        key: torch.Tensor,
        value: torch.Tensor,
        bounds: torch.Tensor,
        longest: int,
        bias: torch.Tensor | None = None,
        scale: float | None = None,
    ) -> torch.Tensor:
        """Attend within sequences.

        Args:
            query: float32 of shape (T, heads, width), as are the next two.
            key: See `query`.
            value: See `query`.
            bounds: int32 of shape (B + 1,), see `PackedBatch`.
            longest: Tokens of the longest sequence.
            bias: float32, see `attention.by_distance`; None for none.
            scale: Of the products of queries and keys; None for 1/√width.

        Returns:
            float32 of shape (T, heads, width).
        """
        query, key, value = query.contiguous(), key.contiguous(), value.contiguous()
        result = torch.empty_like(value)
        _, heads, width = value.shape
        pairs = heads * (len(bounds) - 1)
        size = self._scratch_floats(longest, width)
        scale = width**-0.5 if scale is None else scale
        reach = 0
        if bias is not None:
            bias, reach = bias.contiguous(), bias.shape[1] // 2
            assert len(bias) == heads, "a row for each head"
            assert reach >= longest - 1, "a column for each distance"

        def attend(first: int, last: int) -> None:
            scratch = torch.empty(size)
            self._attend(
                *(one.data_ptr() for one in (query, key, value, result, bounds)),
                *(heads, width, first, last, longest, scale),
                *(bias if bias is None else bias.data_ptr(), reach, scratch.data_ptr()),
            )

        # Each pair is computed by itself: how they are shared out changes no byte.
        share_out(pairs, attend)
        return result

    def rotate(self, states: torch.Tensor, positions: torch.Tensor, turns: torch.Tensor) -> None:
        """Rotate queries or keys in place.

        Args:
            states: Contiguous float32 of shape (T, heads, width).
            positions: int64 of shape (T,), see `PackedBatch`.
            turns: float32 of shape (positions, width): cosines, then sines, of the angles by
                which each pair of dimensions turns.
        """
        self._rotate(*(one.data_ptr() for one in (states, positions, turns)), *states.shape)


class CompiledAttention:
    """One call for the whole batch, whatever the lengths."""

    def __init__(
        self,
        batch: PackedBatch,
        library: Library,
        bias: torch.Tensor | None = None,
        scale: float | None = None,
    ) -> None:
        """Take a batch; see `Library.attend`."""
        self._bounds, self._longest, self._library = batch.bounds, batch.longest, library
        self._bias, self._scale = bias, scale

    def __call__(self, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
        """See `attention.Attention`."""
        return self._library.attend(
            query, key, value, self._bounds, self._longest, self._bias, self._scale
        )


@cache
def attention_library() -> Library | None:
    """Return the compiled attention if it can be had and is right; say in the log why not."""
    try:
        library = Library(compiled(_SOURCE))
    except NotCompiled as error:
        _log.warning("computing attention without a C compiler's help, which is slower: %s", error)
        return None
    if not _is_right(library):
        _log.warning("the compiled attention errs here: computing without it, which is slower")
        return None
    return library


@torch.inference_mode()
def _is_right(library: Library) -> bool:
    """Whether it computes what torch does, for lengths that leave every kind of remainder."""
    generator = torch.Generator().manual_seed(0)
    lengths, heads, width = (1, 7, 45, 16), 3, 24
    tokens = sum(lengths)
    query, key, value = torch.randn(3, tokens, heads, width, generator=generator).unbind()

    positions, angles = torch.arange(tokens) % 5, torch.randn(5, width // 2, generator=generator)
    first, second = query.chunk(2, dim=-1)
    cosine, sine = (one[positions][:, None] for one in (angles.cos(), angles.sin()))
    turned = torch.cat((first * cosine - second * sine, second * cosine + first * sine), dim=-1)
    library.rotate(query, positions, torch.cat((angles.cos(), angles.sin()), dim=1))

    bounds = torch.tensor((0, *lengths)).cumsum(0).int()
    longest, scale = max(lengths), 0.4
    bias = torch.randn(heads, 2 * longest - 1, generator=generator)
    plain = library.attend(query, key, value, bounds, longest)
    biased = library.attend(query, key, value, bounds, longest, bias=bias, scale=scale)
    pairs = [(query, turned)]
    for start, end in pairwise(bounds.tolist()):
        q, k, v = (one[start:end].transpose(0, 1) for one in (turned, key, value))
        expected = functional.scaled_dot_product_attention(q, k, v)
        pairs.append((plain[start:end], expected.transpose(0, 1)))
        near = torch.arange(end - start)
        added = bias[:, longest - 1 + near - near[:, None]]
        expected = functional.scaled_dot_product_attention(q, k, v, added, scale=scale)
        pairs.append((biased[start:end], expected.transpose(0, 1)))
    return all(torch.allclose(got, want, atol=_PROBE_ERROR) for got, want in pairs)
