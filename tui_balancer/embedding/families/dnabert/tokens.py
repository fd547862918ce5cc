"""DNABERT's tokens: byte-pair encoding of bases, by the tokenizer that lies next to the weights."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import chain, product
from pathlib import Path

import torch

from tui_balancer.embedding.families.dnabert.family import TOKENIZER, DnabertShape
from tui_balancer.embedding.packing import PackedBatch, packed_batch
from tui_balancer.errors import UserError
from tui_balancer.extras import require

UNKNOWN, BEGIN, END = "[UNK]", "[CLS]", "[SEP]"
_SPECIAL = (UNKNOWN, BEGIN, END, "[PAD]", "[MASK]")
"""In the order of their numbers in the makers' tokenizer, which begin at 0."""


class BaseTokens:
    """Turns sequences of bases into packed batches of tokens."""

    def __init__(self, encode: Callable[[Sequence[str]], list[list[int]]]) -> None:
        """Take what returns the tokens of each sequence, with [CLS] and [SEP] around them."""
        self._encode = encode

    def pack(self, sequences: Sequence[str]) -> PackedBatch:
        """Return the sequences, in their order, as one row of tokens on the CPU.

        [CLS] and [SEP] count as what they stand next to: means over a sequence include them, see
        `PackedBatch`.
        """
        rows = self._encode(sequences)
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
    of_bases = [word for word in known if not word.strip("ACGTN")]
    if not set("ACGT") <= known.keys() or 2 * len(of_bases) < len(known) - len(_SPECIAL):
        raise UserError(f"{path} is not DNABERT's: its tokens are not of bases")
    if [ids[0], ids[-1]] != [known.get(BEGIN), known.get(END)]:
        raise UserError(f"{path} is not DNABERT's: it puts no {BEGIN} and {END} around a sequence")
    if max(known.values()) >= vocabulary:
        raise UserError(f"{path} has more tokens than the model, which knows {vocabulary}")

    def encoded(sequences: Sequence[str]) -> list[list[int]]:
        return [one.ids for one in tokenizer.encode_batch_fast(list(sequences))]

    return BaseTokens(encoded)


def untrained_tokens(vocabulary: int) -> BaseTokens:
    """Return made-up tokens for a model that has no tokenizer: words of one length, and bases.

    Args:
        vocabulary: Tokens that the model knows, 9 at least.
    """
    length = DnabertShape.alphabet.token_letters
    while length > 1 and len(_SPECIAL) + 4 + 4**length > vocabulary:
        length -= 1
    words = dict.fromkeys(
        ["".join(one) for size in (1, length) for one in product("ACGT", repeat=size)]
    )
    numbers = {word: number for number, word in enumerate((*_SPECIAL, *words))}

    def encoded(sequence: str) -> list[int]:
        cuts = range(0, len(sequence), length)
        parts = [sequence[start : start + length] for start in cuts]
        # What is too short, or has an unknown base, is taken base by base.
        tokens = chain.from_iterable((part,) if part in numbers else part for part in parts)
        inner = (numbers.get(one, numbers[UNKNOWN]) for one in tokens)
        return [numbers[BEGIN], *inner, numbers[END]]

    return BaseTokens(lambda sequences: list(map(encoded, sequences)))
