"""The sequences that a contender embeds in a pass. Imports torch."""

from __future__ import annotations

from collections.abc import Sequence

from tests.benchmarks.card.models import texts_of
from tests.benchmarks.forward_contenders import Contender
from tests.benchmarks.forward_passes import batch_tokens, batches_of
from tui_balancer.embedding.models import ModelShape

BATCHES, QUICK_BATCHES = 64, 2
"""A file's sequences have as many tokens as so many of a run's batches."""

LEAST_BATCHES, LEAST_TOKENS = 3, 20480
"""Of a pass; a quick one has a batch."""


class Samples:
    """Batches of a file that has many, from short sequences to long ones.

    A contender that is slow computes few of them. They are padded as those of the whole file are,
    for a batch has sequences of about one length, and a residue takes as many FLOPs to about 1 %.
    """

    def __init__(
        self, contender: Contender, shape: ModelShape, device: str, *, quick: bool
    ) -> None:
        """Sort the sequences of a file into the batches of a contender."""
        run = batch_tokens(Contender("a run's", "packed"), shape, device)
        texts = texts_of(shape, run * (QUICK_BATCHES if quick else BATCHES))
        self.batches = batches_of(contender, shape, device, texts)
        tokens = batch_tokens(contender, shape, device)
        least = 1 if quick else max(LEAST_BATCHES, -(-LEAST_TOKENS // tokens))
        self._least = min(least, len(self.batches))

    def least(self) -> list[list[str]]:
        """Return the fewest batches that stand for the file."""
        return spaced(self.batches, self._least)

    def longer(self, times: float) -> list[list[str]]:
        """Return about so many times as many batches; no more than there are."""
        return spaced(self.batches, min(round(times * self._least), len(self.batches)))


def spaced(batches: Sequence[list[str]], count: int) -> list[list[str]]:
    """Return so many batches, at equal distances.

    Who sorts their sequences into batches again makes the same ones.
    """
    step = len(batches) / count
    return [batches[int((number + 0.5) * step)] for number in range(count)]
