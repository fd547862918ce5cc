"""Names and headers from outside cannot steer a terminal."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui_balancer.inputs.text import terminal_safe


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("plain name.fasta", "plain name.fasta"),
        ("Größe 蛋白.fa", "Größe 蛋白.fa"),
        ("a\x1b[2Jb", r"a\x1b[2Jb"),
        ("two\nlines\ttab", r"two\nlines\ttab"),
        ("\u202efdp.exe", r"\u202efdp.exe"),
        ("bytes\udcff", r"bytes\udcff"),
        ("\x9b31m", r"\x9b31m"),
    ],
)
def test_what_could_steer_a_terminal_is_shown_as_its_escape(raw: str, shown: str) -> None:
    assert terminal_safe(raw) == shown


def test_a_long_name_keeps_its_beginning_and_its_end() -> None:
    assert terminal_safe("begin" + "x" * 10_000 + ".fasta", limit=14) == "beginxx….fasta"


@given(st.text(alphabet=st.characters(), max_size=300), st.integers(1, 200))
def test_any_text_becomes_one_printable_line_within_the_limit(text: str, limit: int) -> None:
    shown = terminal_safe(text, limit)
    assert shown.isprintable()
    assert len(shown) <= limit
