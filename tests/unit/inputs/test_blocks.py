"""Both ways to divide a block come to the same, whatever its bytes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.support.compiler import require_compiler
from tui_balancer.alphabets import NUCLEOTIDE, PROTEIN, Alphabet
from tui_balancer.cache import CACHE_VARIABLE
from tui_balancer.inputs.blocks import Block, CompiledDivider, Divider, PlainDivider, divider

PARTS = (
    *(b">", b"\n>", b"\n", b"a|1", b" words > more", b"\t", b"\0", b"\x7f", b"\xff", b"\xc3\xa9"),
    *(b"MKVLF", b"mkvlq", b"*", b"**\n", b"ACDEG" * 13, b"J1;", b"\r\n", b"Uo", b"ACGT"),
)
"""What decides where ids and sequences begin and end."""


@pytest.fixture(scope="module")
def compiled_divider() -> CompiledDivider:
    require_compiler()
    divider.cache_clear()
    found = divider()
    assert isinstance(found, CompiledDivider)
    return found


def facts(block: Block | None) -> object:
    """Return all that a plain block has, but for its hashes; None for others."""
    if block is None or b">" in block.letters:
        return None
    ids = [block.id_of(number) for number in range(len(block.begins))]
    places = list(zip(block.begins.tolist(), block.lengths.tolist(), strict=True))
    return block.letters, places, ids, block.coded, block.capitals, block.words


def groups(hashes: np.ndarray) -> list[int]:
    """Return for each hash where it occurred first: equal for equal groups."""
    each = hashes.tolist()
    return [each.index(one) for one in each]


@settings(max_examples=1000)
@given(
    st.one_of(
        st.lists(st.sampled_from(PARTS), max_size=30).map(b"".join),
        st.lists(st.sampled_from(PARTS), max_size=30).map(lambda parts: b">" + b"".join(parts)),
        st.binary(max_size=40),
    ),
    st.sampled_from((PROTEIN, NUCLEOTIDE)),
)
@example(b"", PROTEIN)
@example(b"\n", PROTEIN)
@example(b">a", PROTEIN)
@example(b"\n\n>a\nMK", PROTEIN)
@example(b">a\nM*\nK**\n*\n>b", PROTEIN)
def test_both_ways_divide_alike(
    compiled_divider: CompiledDivider, data: bytes, alphabet: Alphabet
) -> None:
    plain, quick = PlainDivider().divide(data, alphabet), compiled_divider.divide(data, alphabet)
    assert facts(quick) == facts(plain)
    if facts(plain) is not None and quick is not None and plain is not None:
        assert groups(quick.id_hashes) == groups(plain.id_hashes)


@given(st.lists(st.binary(max_size=40), max_size=20))
def test_equal_pieces_have_equal_hashes_and_others_have_not(
    compiled_divider: CompiledDivider, pieces: list[bytes]
) -> None:
    lengths = np.array([len(one) for one in pieces], np.int64)
    begins = np.cumsum(lengths) - lengths
    ways: tuple[Divider, ...] = (PlainDivider(), compiled_divider)
    for way in ways:
        hashes = way.hashes(b"".join(pieces), begins, lengths)
        assert groups(hashes) == [pieces.index(one) for one in pieces]
        assert hashes.tolist() == [way.hash(one) for one in pieces]


def test_pieces_that_differ_in_one_bit_or_in_trailing_zeros_have_other_hashes(
    compiled_divider: CompiledDivider,
) -> None:
    pieces = [bytes(length) for length in range(70)]
    pieces += [
        bytes(place) + bytes([1 << bit]) + bytes(60 - place)
        for place in range(60)
        for bit in range(8)
    ]
    lengths = np.array([len(one) for one in pieces], np.int64)
    hashes = compiled_divider.hashes(b"".join(pieces), np.cumsum(lengths) - lengths, lengths)
    assert len(set(hashes.tolist())) == len(pieces)


@given(st.text("ACGTUNMKL", max_size=600).map(str.encode), st.integers(-1, 5))
def test_letters_that_no_nucleic_acid_has_are_counted(
    compiled_divider: CompiledDivider, letters: bytes, enough: int
) -> None:
    right = len(letters.translate(None, b"ACGTUN"))
    ways: tuple[Divider, ...] = (PlainDivider(), compiled_divider)
    for way in ways:
        assert min(way.others(letters, enough), enough + 1) == min(right, enough + 1)


def test_without_a_compiler_python_divides(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path))
    monkeypatch.setattr("tui_balancer.process.compiled.COMPILERS", ())
    divider.cache_clear()
    try:
        assert isinstance(divider(), PlainDivider)
        block = divider().divide(b">a\nMK\n>b\nFQ\n", PROTEIN)
        assert facts(block) == (b"MKFQ", [(0, 2), (2, 2)], [b"a", b"b"], [0], True, False)
    finally:
        divider.cache_clear()
