"""The numbers of letters and special tokens, from the tokenizer that lies next to the weights."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from tui_balancer.embedding.checkpoints.huggingface import read_json
from tui_balancer.embedding.families.t5.family import TOKENIZERS, T5Shape
from tui_balancer.errors import UserError
from tui_balancer.extras import require

_JSON, _PIECES, _ADDED, _CONFIG = TOKENIZERS
_END, _UNKNOWN = "</s>", "<unk>"

_LETTERS = "ALGVSREDTIPKFQNYMHWCXBOUZ"
"""In the order of their numbers in Rostlab's models, after padding, EOS and unknown."""

_ADDED_BY_PROST_T5 = (*"acdefghiklmnpqrstvwy", "<fold2AA>", "<AA2fold>")
"""They follow ProtT5's tokens; here in the order of the alphabet."""


@dataclass(frozen=True, slots=True)
class Tokens:
    """The tokens that a model reads.

    Attributes:
        letters: The numbers of the alphabet's letters.
        unknown: Of what has no token.
        prefix: Of the token before the residues; None where there is none.
        end: Of EOS.
    """

    letters: Mapping[str, int]
    unknown: int
    prefix: int | None
    end: int

    @property
    def largest(self) -> int:
        """The largest number."""
        return max(*self.letters.values(), self.unknown, self.prefix or 0, self.end)


class Tokenizer:
    """Tells the numbers of tokens."""

    def __init__(self, number: Callable[[str], int | None]) -> None:
        """Take what returns the number of a word; None where it is none, or several tokens."""
        self._number = number

    def has(self, word: str) -> bool:
        """Whether there is such a token."""
        return self._number(word) not in (None, self._number(_UNKNOWN))

    def tokens(self, shape: type[T5Shape]) -> Tokens | None:
        """Return what a kind of model reads; None where a token of it is missing."""
        words = [shape.written(letter) for letter in shape.alphabet.letters]
        letters = dict(zip(shape.alphabet.letters, map(self._number, words), strict=True))
        special = [self._number(one) for one in (_UNKNOWN, _END)]
        special += [self._number(shape.prefix)] if shape.prefix else []
        found = [one for one in (*letters.values(), *special) if one is not None]
        if len(set(found)) < len(letters) + len(special):
            return None
        unknown, end, *prefix = found[len(letters) :]
        numbers = dict(zip(letters, found, strict=False))
        return Tokens(numbers, unknown, prefix[0] if prefix else None, end)


def untrained_tokens(shape: T5Shape) -> Tokens:
    """Return the tokens of a model that has no tokenizer: those of Rostlab's."""
    numbers = {letter: number for number, letter in enumerate(_LETTERS, start=3)}
    numbers |= {word: number for number, word in enumerate(_ADDED_BY_PROST_T5, start=128)}
    tokens = Tokenizer({**numbers, _END: 1, _UNKNOWN: 2}.get).tokens(type(shape))
    assert tokens is not None, "all are there"
    return tokens


def read_tokenizer(folder: Path) -> Tokenizer:
    """Return the tokenizer of a model's folder.

    Raises:
        UserError: There is none, it is broken, or a library is missing.
    """
    if (folder / _JSON).exists():
        return Tokenizer(_by_tokenizers(folder / _JSON))
    if (folder / _PIECES).exists():
        return Tokenizer(_by_sentencepiece(folder))
    raise UserError(
        f"{folder} has no tokenizer, neither {_JSON} nor {_PIECES}: the numbers of the letters "
        "are in it; get the whole folder"
    )


def _by_tokenizers(path: Path) -> Callable[[str], int | None]:
    require("models", str(path), without="sentencepiece")
    from tokenizers import Tokenizer

    try:
        tokenizer = Tokenizer.from_file(str(path))
    except Exception as error:  # The library raises nothing narrower.
        raise UserError(f"cannot read {path}: {error}") from error

    def number(word: str) -> int | None:
        # A word after another is not always that at the beginning.
        encoded = tokenizer.encode([word, word], is_pretokenized=True, add_special_tokens=False)
        return encoded.ids[1] if len(encoded.ids) == 2 else None

    return number


def _by_sentencepiece(folder: Path) -> Callable[[str], int | None]:
    path = folder / _PIECES
    require("models", str(path), without="tokenizers")
    from sentencepiece import SentencePieceProcessor

    try:
        pieces = SentencePieceProcessor(model_file=str(path))
    except (OSError, RuntimeError) as error:
        raise UserError(f"cannot read {path}: {error}") from error
    special = {_UNKNOWN: pieces.unk_id(), _END: pieces.eos_id()}
    special |= _added(folder)

    def number(word: str) -> int | None:
        encoded: list[int] = pieces.encode(word)
        return special.get(word, encoded[0] if len(encoded) == 1 else None)

    return number


def _added(folder: Path) -> dict[str, int]:
    """Return the numbers of the tokens that are not in sentencepiece's file.

    Raises:
        UserError: A file that may have them is broken.
    """
    config, added = (
        read_json(folder / name) if (folder / name).exists() else {} for name in (_CONFIG, _ADDED)
    )
    try:
        decoder = config.get("added_tokens_decoder", {})
        numbers = {token["content"]: int(number) for number, token in decoder.items()}
        return numbers | {word: int(number) for word, number in added.items()}
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise UserError(
            f"cannot read {folder}: {_CONFIG} or {_ADDED} has no numbers of tokens"
        ) from error
