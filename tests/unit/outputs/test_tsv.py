"""Tables hold any text, and Python's own reader reads it back."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui_balancer.outputs.tsv import read_rows, write_row

# Neither ids nor headers have these, see `inputs.ids`.
texts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))


def written(*rows: list[str]) -> io.StringIO:
    file = io.StringIO(newline="")
    for row in rows:
        write_row(file, row)
    return io.StringIO(file.getvalue(), newline="")


@given(st.lists(st.lists(texts, min_size=2, max_size=3), max_size=4))
def test_any_text_is_read_back_exactly(rows: list[list[str]]) -> None:
    assert list(csv.reader(written(*rows), "excel-tab")) == rows


@pytest.mark.parametrize(
    "name", ["a\r", "a\rb", "a\nb", "\u2028", "\x85", '"', "a\tb", "x" * 140_000]
)
def test_rows_have_the_names_of_their_columns(name: str) -> None:
    assert list(read_rows(written(["id", "header"], ["p", name]))) == [{"id": "p", "header": name}]


def test_a_plain_field_has_no_quotes() -> None:
    assert written(["a b", "c'd", "1"]).getvalue() == "a b\tc'd\t1\n"
