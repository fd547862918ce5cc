"""DNABERT's tokens: byte-pair encoding of bases, by the tokenizer that lies next to the weights."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain, islice, product
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from tui_balancer.embedding.families.dnabert.family import TOKENIZER, DnabertShape
from tui_balancer.embedding.packing import PackedBatch, packed_batch
from tui_balancer.errors import UserError
from tui_balancer.extras import require

if TYPE_CHECKING:
    from tokenizers import Tokenizer

UNKNOWN, BEGIN, END = "[UNK]", "[CLS]", "[SEP]"
_SPECIAL = (UNKNOWN, BEGIN, END, "[PAD]", "[MASK]")
"""In the order of their numbers in the makers' tokenizer, which begin at 0."""

_PARTS = ((1, 1), (2, 2), (2, 1), (4, 1), (4, 2))
"""Bases of the two tokens that the merges of a made-up tokenizer join, in their order."""


class BaseTokens:
    """Turns sequences of bases into packed batches of tokens."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        """Take a tokenizer without limits."""
        self._tokenizer = tokenizer

    def pack(self, sequences: Sequence[str]) -> PackedBatch:
        """Return the sequences, in their order, as one row of tokens on the CPU.

        [CLS] and [SEP] count as what they stand next to: means over a sequence include them, see
        `PackedBatch`.
        """
        rows = [one.ids for one in self._tokenizer.encode_batch_fast(list(sequences))]
        tokens = torch.tensor(list(chain.from_iterable(rows)))
        return packed_batch(tokens, [len(row) for row in rows])


def read_tokens(folder: Path, vocabulary: int) -> BaseTokens:
    """Return the tokenizer of a model's folder.

    Args:
        folder: Of the model.
        vocabulary: Tokens that the model knows.

    Raises:
        UserError: There is none, it is not over bases, or the library is missing.
    """
    path = folder / TOKENIZER
    if not path.exists():
        raise UserError(f"{folder} has no {TOKENIZER}: get the whole folder")
    require("models", "DNABERT's tokenizer", without="sentencepiece")
    from tokenizers import Tokenizer

    try:
        tokenizer = Tokenizer.from_file(str(path))
        # Files that were saved in a training have its limits.
        tokenizer.no_truncation()
        tokenizer.no_padding()
        ids = tokenizer.encode("ACGTN").ids
    except Exception as error:  # The library raises nothing narrower.
        raise UserError(f"cannot read {path}: {error}") from error
    known = tokenizer.get_vocab()
    letters = set("".join(known.keys() - {*_SPECIAL}))
    if not set("ACGT") <= letters or not letters <= set(DnabertShape.alphabet.letters):
        raise UserError(f"{path} is not DNABERT's: its tokens are not of bases")
    if [ids[0], ids[-1]] != [known.get(BEGIN), known.get(END)]:
        raise UserError(f"{path} is not DNABERT's: it puts no {BEGIN} and {END} around a sequence")
    if max(known.values()) >= vocabulary:
        raise UserError(f"{path} has more tokens than the model, which knows {vocabulary}")
    return BaseTokens(tokenizer)


def untrained_tokens(vocabulary: int) -> BaseTokens:
    """Return a made-up tokenizer for a model that has none; 3.8 random bases are a token.

    Args:
        vocabulary: Its tokens, 9 at least.

    Raises:
        MissingExtra: The library is missing.
    """
    require("models", "DNABERT's tokenizer", without="sentencepiece")
    from tokenizers import Tokenizer
    from tokenizers.models import BPE
    from tokenizers.processors import TemplateProcessing

    alphabet = (*_SPECIAL, *"ACGT")
    merges = list(islice(_merges(), vocabulary - len(alphabet)))
    words = (*alphabet, *(first + second for first, second in merges))
    numbers = {word: number for number, word in enumerate(words)}
    tokenizer = Tokenizer(BPE(numbers, merges, unk_token=UNKNOWN))
    tokenizer.post_processor = TemplateProcessing(
        single=f"{BEGIN} $A {END}", special_tokens=[(one, numbers[one]) for one in (BEGIN, END)]
    )
    return BaseTokens(tokenizer)


def _merges() -> Iterator[tuple[str, str]]:
    """Yield pairs of tokens that become one: all words of 2 bases, of 4, of 3, of 5 and of 6."""
    for first, second in _PARTS:
        for letters in product("ACGT", repeat=first + second):
            # The last base changes slowest, so that a part of the words begins in every way.
            word = "".join(reversed(letters))
            yield word[:first], word[first:]
