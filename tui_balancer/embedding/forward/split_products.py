"""Matrix products in float32 by a processor's units for bfloat16, in C: `split_products.c`.

Faster than oneDNN's products and more exact. It needs AMX and a C compiler.
"""

from __future__ import annotations

import logging
from ctypes import CDLL, c_long, c_void_p
from functools import cache
from pathlib import Path

import torch

from tui_balancer.embedding.forward.activations import NUMBERS, Activation
from tui_balancer.embedding.forward.threads import share_out
from tui_balancer.process.compiled import NotCompiled, compiled

BLOCK = 32
"""Rows, and columns, that the units multiply at once: fewer cost as much."""

_SOURCE = Path(__file__).with_name("split_products.c")
_PROCESSOR = Path("/proc/cpuinfo")
_UNITS = " amx_bf16 "
_ROWS = 1024
"""Of the inputs that are laid out at once, so that little memory is needed for it."""

_log = logging.getLogger(__name__)


class SplitLibrary:
    """The compiled functions, shared out among torch's number of threads."""

    def __init__(self, library: CDLL) -> None:
        """Take the library.

        Raises:
            NotCompiled: The kernel does not let this process use the units.
        """
        if library.allow() != 0:
            raise NotCompiled("the kernel does not allow the use of AMX")
        self._split_size, self._scratch_floats = library.split_size, library.scratch_floats
        self._split_size.argtypes, self._scratch_floats.argtypes = [c_long] * 2, [c_long]
        self._split_size.restype = self._scratch_floats.restype = c_long
        self._split_rows, self._multiply = library.split_rows, library.multiply
        self._split_rows.argtypes = [c_void_p, c_long, c_long, c_void_p, c_long, c_long]
        self._multiply.argtypes = [c_void_p] * 6 + [c_long] * 6 + [c_void_p]
        self._split_rows.restype = self._multiply.restype = None

    def product(
        self,
        inputs: torch.Tensor,
        weight: torch.Tensor,
        bias: torch.Tensor | None = None,
        added: torch.Tensor | None = None,
        times: torch.Tensor | None = None,
        activation: Activation | None = None,
    ) -> torch.Tensor:
        """Return the activation of inputs · weightᵀ + bias + added, number by number times `times`.

        Args:
            inputs: float32 of shape (T, in), as all others.
            weight: Of shape (out, in).
            bias: Of shape (out,); None for 0.
            added: Of shape (T, out); None for 0.
            times: Of shape (T, out); None for 1.
            activation: None for none.

        Returns:
            float32 of shape (T, out).
        """
        result = inputs.new_empty(len(inputs), len(weight))
        inputs, weight = inputs.contiguous(), weight.contiguous()
        whole = [one if one is None else one.contiguous() for one in (bias, added, times)]
        number = NUMBERS[activation]
        pieces = -(-len(inputs) // _ROWS)
        for piece in range(pieces):
            rows = slice(*(len(inputs) * end // pieces for end in (piece, piece + 1)))
            others = [one if one is None else one[rows] for one in whole[1:]]
            self._multiplied(inputs[rows], weight, [whole[0], *others, result[rows]], number)
        return result

    def _multiplied(
        self,
        inputs: torch.Tensor,
        weight: torch.Tensor,
        others: list[torch.Tensor | None],
        activation: int,
    ) -> None:
        """Compute some rows.

        Args:
            inputs: Those rows.
            weight: See `product`.
            others: Bias, what is added, what it is multiplied by, and where the result belongs.
            activation: Its number.
        """
        rows, inner = inputs.shape
        columns = len(weight)
        split = torch.empty(self._split_size(rows, inner), dtype=torch.bfloat16)
        share_out(
            -(-rows // BLOCK),
            lambda first, last: self._split_rows(
                inputs.data_ptr(), rows, inner, split.data_ptr(), first, last
            ),
        )
        places = [one if one is None else one.data_ptr() for one in (split, weight, *others)]

        def multiply(first: int, last: int) -> None:
            scratch = torch.empty(self._scratch_floats(rows))
            sizes = activation, rows, columns, inner
            self._multiply(*places, *sizes, first, last, scratch.data_ptr())

        share_out(-(-columns // BLOCK), multiply)


@cache
def split_library() -> SplitLibrary | None:
    """Return the compiled products if the processor has the units; say in the log why not."""
    if not _has_units():
        return None
    try:
        return SplitLibrary(compiled(_SOURCE))
    except NotCompiled as error:
        _log.warning("multiplying matrices without AMX, which is slower: %s", error)
        return None


def _has_units() -> bool:
    try:
        return _UNITS in _PROCESSOR.read_text(encoding="utf-8")
    except OSError:
        return False
