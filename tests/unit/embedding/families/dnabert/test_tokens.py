"""DNABERT's tokenizer as its makers use it, whatever its file was saved with."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from tokenizers import Tokenizer
from tokenizers.models import BPE
from tokenizers.processors import TemplateProcessing

from tests.support.dnabert import SIZES, make_folder, padded, random_bases, tokenizer
from tui_balancer.embedding.families.dnabert.tokens import read_tokens, untrained_tokens
from tui_balancer.errors import UserError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return make_folder(tmp_path / "tiny")


def test_a_batch_is_the_makers_tokens_end_to_end(folder: Path) -> None:
    sequences = [random_bases(length, length) for length in (1, 20, 300)]
    batch = read_tokens(folder, SIZES.vocabulary).pack(sequences)
    rows = [padded(tokenizer(), [one])[0].tolist() for one in sequences]
    assert batch.tokens.tolist() == [token for row in rows for token in row]
    assert [one.stop - one.start for one in batch.sequences()] == [len(row) for row in rows]
    assert [row[0] for row in rows] == [1] * 3
    assert [row[-1] for row in rows] == [2] * 3


def test_means_include_the_special_tokens(folder: Path) -> None:
    batch = read_tokens(folder, SIZES.vocabulary).pack(["ACGTACGT"])
    assert batch.residues() == batch.sequences()


def test_limits_of_a_training_are_lifted(folder: Path) -> None:
    path = folder / "tokenizer.json"
    limited = Tokenizer.from_file(str(path))
    limited.enable_truncation(8)
    limited.enable_padding(pad_id=3, pad_token="[PAD]", length=16)
    limited.save(str(path))
    batch = read_tokens(folder, SIZES.vocabulary).pack(["AC", random_bases(200)])
    unlimited = tokenizer().encode_batch(["AC", random_bases(200)])
    assert batch.tokens.tolist() == [token for one in unlimited for token in one.ids]


def without_special_tokens(path: Path) -> None:
    made = Tokenizer.from_file(str(path))
    made.post_processor = TemplateProcessing(single="$A", special_tokens=[])
    made.save(str(path))


def of_words(path: Path) -> None:
    words = ["[UNK]", "[CLS]", "[SEP]", *"ACGT", "the", "of", "and", "in", "to", "is", "was"]
    numbers = {word: number for number, word in enumerate(words)}
    Tokenizer(BPE(numbers, [], unk_token="[UNK]")).save(str(path))


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (Path.unlink, "has no tokenizer.json"),
        (lambda path: path.write_text("{}"), "cannot read"),
        (without_special_tokens, r"puts no \[CLS\] and \[SEP\] around"),
        (of_words, "its tokens are not of bases"),
    ],
)
def test_another_tokenizer_is_refused(folder: Path, spoil, reason: str) -> None:  # type: ignore[no-untyped-def]
    spoil(folder / "tokenizer.json")
    with pytest.raises(UserError, match=reason):
        read_tokens(folder, SIZES.vocabulary)


def test_one_with_more_tokens_than_the_model_is_refused(folder: Path) -> None:
    with pytest.raises(UserError, match="which knows 90"):
        read_tokens(folder, 90)


def test_a_made_up_tokenizer_has_five_bases_a_token_and_needs_no_library(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    batch = untrained_tokens(4096).pack([random_bases(500, seed) for seed in range(20)])
    assert [one.stop - one.start for one in batch.sequences()] == [102] * 20
    assert len(batch.tokens.unique()) > 800
    assert batch.tokens.max() < 4096
    assert untrained_tokens(4096).pack(["N", "ACNGT", "ACGTAC"]).tokens.tolist() == [
        *(1, 0, 2),
        *(1, 5, 6, 0, 7, 8, 2),
        *(1, 5 + 4 + int("01230", 4), 6, 2),
    ]
    assert untrained_tokens(9).pack(["ACGT"]).tokens.tolist() == [1, 5, 6, 7, 8, 2]
    assert untrained_tokens(80).pack([random_bases(99)]).tokens.max() < 80


def test_a_missing_library_is_named_with_what_brings_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    with pytest.raises(UserError, match=r"needs tokenizers.*pip install 'tui-balancer\[models\]'"):
        read_tokens(folder, SIZES.vocabulary)
