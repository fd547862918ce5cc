"""The numbers of letters come from the tokenizer next to the weights, or the model is refused."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from transformers import T5Tokenizer

from tests.support.t5 import LETTERS, PIECES, PREFIXES, STRUCTURE, sentencepiece_model
from tests.support.t5 import NUMBERS as ALL_NUMBERS
from tui_balancer.embedding.families.t5.family import ProstT5Shape, StructureShape, T5Shape
from tui_balancer.embedding.families.t5.tokens import Tokens, read_tokenizer, untrained_tokens
from tui_balancer.errors import UserError

Write = Callable[..., Path]

NUMBERS = {letter: ALL_NUMBERS[letter] for letter in T5Shape.alphabet.letters}


def pieces_in(folder: Path, pieces: tuple[str, ...] = PIECES) -> Path:
    (folder / "spiece.model").write_bytes(sentencepiece_model(pieces))
    return folder


def tokenizer_in(folder: Path, pieces: tuple[str, ...] = PIECES) -> Path:
    T5Tokenizer(vocab=[(piece, -2.0) for piece in pieces]).save_pretrained(folder)
    return folder


def tokens_of(folder: Path, shape: type[T5Shape] = T5Shape) -> Tokens | None:
    return read_tokenizer(folder).tokens(shape)


@pytest.mark.parametrize("write", [pieces_in, tokenizer_in])
def test_both_files_say_the_same(write: Write, tmp_path: Path) -> None:
    assert tokens_of(write(tmp_path)) == Tokens(NUMBERS, 2, None, 1)
    assert not read_tokenizer(tmp_path).has("<AA2fold>")
    assert tokens_of(tmp_path, ProstT5Shape) is None
    assert tokens_of(tmp_path, StructureShape) is None


@pytest.mark.parametrize("write", [pieces_in, tokenizer_in])
def test_letters_are_words_of_one_letter(write: Write, tmp_path: Path) -> None:
    # A letter within a word is another token than one alone.
    found = tokens_of(write(tmp_path, (*PIECES[:3], *LETTERS, *PIECES[3:])))
    assert found is not None
    assert found.letters == {letter: number + 25 for letter, number in NUMBERS.items()}


def prost_t5_pieces_in(folder: Path) -> None:
    (pieces_in(folder) / "added_tokens.json").write_text(json.dumps(PREFIXES | STRUCTURE))


def prost_t5_config_in(folder: Path) -> None:
    decoder = {
        str(number): {"content": word, "special": False}
        for word, number in (PREFIXES | STRUCTURE).items()
    }
    config = {"tokenizer_class": "T5Tokenizer", "added_tokens_decoder": decoder}
    (pieces_in(folder) / "tokenizer_config.json").write_text(json.dumps(config))


def prost_t5_tokenizer_in(folder: Path) -> None:
    extra = [f"<extra_id_{number}>" for number in range(100)]
    theirs = T5Tokenizer(vocab=[(piece, -2.0) for piece in (*PIECES, *extra)])
    theirs.add_tokens([*STRUCTURE, *PREFIXES])
    theirs.save_pretrained(folder)


@pytest.mark.parametrize("write", [prost_t5_pieces_in, prost_t5_config_in, prost_t5_tokenizer_in])
def test_prost_t5_adds_tokens_for_the_states_and_for_what_is_read(
    write: Callable[[Path], None], tmp_path: Path
) -> None:
    write(tmp_path)
    assert read_tokenizer(tmp_path).has("<AA2fold>")
    assert tokens_of(tmp_path, ProstT5Shape) == Tokens(NUMBERS, 2, 149, 1)
    states = {letter.upper(): number for letter, number in STRUCTURE.items()}
    assert tokens_of(tmp_path, StructureShape) == Tokens(states, 2, 148, 1)


@pytest.mark.parametrize("write", [pieces_in, tokenizer_in])
def test_a_tokenizer_without_a_letter_is_of_another_model(write: Write, tmp_path: Path) -> None:
    pieces = tuple("▁!" if piece == "▁W" else piece for piece in PIECES)
    assert tokens_of(write(tmp_path, pieces)) is None


def test_a_tokenizer_without_an_end_is_too(tmp_path: Path) -> None:
    path = tokenizer_in(tmp_path) / "tokenizer.json"
    path.write_text(path.read_text().replace("</s>", "<end>"))
    assert tokens_of(tmp_path) is None


@pytest.mark.parametrize("name", ["spiece.model", "tokenizer.json"])
def test_a_broken_tokenizer_is_refused(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text("{")
    with pytest.raises(UserError, match=f"cannot read .*{name}"):
        read_tokenizer(tmp_path)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("tokenizer_config.json", {"added_tokens_decoder": {"128": "a"}}),
        ("tokenizer_config.json", {"added_tokens_decoder": ["a"]}),
        ("added_tokens.json", {"a": "b"}),
    ],
)
def test_added_tokens_without_numbers_are_refused(
    name: str, content: object, tmp_path: Path
) -> None:
    (pieces_in(tmp_path) / name).write_text(json.dumps(content))
    with pytest.raises(UserError, match="has no numbers of tokens"):
        read_tokenizer(tmp_path)


def test_a_folder_without_a_tokenizer_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"neither tokenizer\.json nor spiece\.model"):
        read_tokenizer(tmp_path)


@pytest.mark.parametrize(
    ("name", "library"), [("spiece.model", "sentencepiece"), ("tokenizer.json", "tokenizers")]
)
def test_a_missing_library_is_named_with_its_extra(
    name: str, library: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / name).touch()
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(UserError, match=rf"{name} needs {library}.*tui-balancer\[models\]"):
        read_tokenizer(tmp_path)


def test_untrained_models_have_the_tokens_of_trained_ones() -> None:
    sizes = (1, 8, 1, 8, 8)
    states = {letter.upper(): number for letter, number in STRUCTURE.items()}
    assert untrained_tokens(T5Shape(*sizes)) == Tokens(NUMBERS, 2, None, 1)
    assert untrained_tokens(ProstT5Shape(*sizes)) == Tokens(NUMBERS, 2, 149, 1)
    assert untrained_tokens(StructureShape(*sizes)) == Tokens(states, 2, 148, 1)
