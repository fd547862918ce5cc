"""The letters that models read, and what others become."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tui_balancer.alphabets import PROTEIN, Alphabet
from tui_balancer.inputs.residues import clean

LETTERS = st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ", min_size=1)


def test_every_capital_has_a_token_or_is_absent() -> None:
    assert PROTEIN.absent == b"J"
    assert Alphabet("ACGT", "N").absent == b"BDEFHIJKLMNOPQRSUVWXYZ"


@given(LETTERS, st.sampled_from([PROTEIN, Alphabet("ACGTN", "N")]))
def test_absent_letters_are_read_as_the_unknown_one(sequence: str, alphabet: Alphabet) -> None:
    absent = alphabet.absent.decode()
    residues, replaced = clean(sequence.lower(), alphabet)
    assert residues == "".join(alphabet.unknown if one in absent else one for one in sequence)
    assert replaced == sum(one in absent for one in sequence)
