"""The letters that models read, and what others become."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui_balancer.alphabets import NUCLEOTIDE, PROTEIN, Alphabet
from tui_balancer.inputs.residues import clean

LETTERS = st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ", min_size=1)


def test_every_capital_has_a_token_or_is_absent() -> None:
    assert PROTEIN.absent == b"J"
    assert Alphabet("ACGT", "N").absent == b"BDEFHIJKLMNOPQRSUVWXYZ"


@pytest.mark.parametrize(
    ("alphabet", "letters", "tokens"),
    [
        (PROTEIN, (0, 1, 5, 6), (2, 3, 7, 8)),
        (replace(NUCLEOTIDE, token_letters=5), (0, 1, 5, 6), (2, 3, 3, 4)),
        (replace(NUCLEOTIDE, token_letters=5, before=0, after=0), (5, 11), (1, 3)),
    ],
)
def test_a_token_is_one_letter_or_several(
    alphabet: Alphabet, letters: tuple[int, ...], tokens: tuple[int, ...]
) -> None:
    assert tuple(map(alphabet.tokens, letters)) == tokens
    assert tuple(alphabet.tokens(np.array(letters))) == tokens


@given(LETTERS, st.sampled_from([PROTEIN, Alphabet("ACGTN", "N")]))
def test_absent_letters_are_read_as_the_unknown_one(sequence: str, alphabet: Alphabet) -> None:
    absent = alphabet.absent.decode()
    residues, replaced = clean(sequence.lower(), alphabet)
    assert residues == "".join(alphabet.unknown if one in absent else one for one in sequence)
    assert replaced == sum(one in absent for one in sequence)
