"""What a filter of files says, which files it leaves, and which part of the run they belong to."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.pictures import RUNNING
from tui_balancer.scheduler.model import Unit
from tui_balancer.ui.state.file_filter import FileFilter, filter_text, parse_filter
from tui_balancer.ui.state.file_rows import Choice, FileRows, NameSearch, chosen
from tui_balancer.ui.state.file_table import NOBODY, QUEUED, Amounts, FileState, FileTable
from tui_balancer.ui.widgets.scope_list import ScopeList, scopes

DEVICES = ("cuda:0", "cuda:1", "cuda:10", "cpu:0")
NODES = ("n1/cuda:0", "n1/cuda:1", "n2/cuda:0")

words = st.sampled_from(["virus", "vir", "ctg7", "done", "cuda", "cuda:1", "a b", "?.*", "É"])
texts = st.one_of(st.text(max_size=30), st.lists(words, max_size=4).map(" ".join))
states = st.sets(st.sampled_from(FileState)).map(lambda some: tuple(sorted(some)))
places = st.sets(st.sampled_from(DEVICES)).map(lambda some: tuple(d for d in DEVICES if d in some))
choices = st.builds(Choice, states, places, st.lists(words.map(str.lower), max_size=2).map(tuple))


@pytest.mark.parametrize(
    ("text", "understood"),
    [
        ("", FileFilter()),
        ("failed cuda:1 virus", FileFilter((FileState.FAILED,), ("cuda:1",), ("virus",))),
        ("VIRUS Failed CUDA:1", FileFilter((FileState.FAILED,), ("cuda:1",), ("virus",))),
        ("skipped failed", FileFilter((FileState.FAILED, FileState.SKIPPED))),
        ("cpu:0 cuda:0", FileFilter(devices=("cuda:0", "cpu:0"))),
        ("cuda", FileFilter(devices=("cuda:0", "cuda:1", "cuda:10"))),
        ("cuda:", FileFilter(devices=("cuda:0", "cuda:1", "cuda:10"))),
        ("cud", FileFilter(words=("cud",))),
        ("cuda:7", FileFilter(words=("cuda:7",))),
        ('"done" done', FileFilter((FileState.DONE,), words=("done",))),
        ('"cuda:1"', FileFilter(words=("cuda:1",))),
        ('"two words', FileFilter(words=("two words",))),
        ('"" : /', FileFilter(words=(":", "/"))),
        ("undone doneness", FileFilter(words=("undone", "doneness"))),
    ],
)
def test_a_filter_says_states_devices_and_words(text: str, understood: FileFilter) -> None:
    assert parse_filter(text, DEVICES) == understood


@pytest.mark.parametrize(
    ("word", "devices"),
    [
        ("cuda", NODES),
        ("n1", ("n1/cuda:0", "n1/cuda:1")),
        ("n1/cuda", ("n1/cuda:0", "n1/cuda:1")),
        ("cuda:0", ("n1/cuda:0", "n2/cuda:0")),
        ("n2/cuda:0", ("n2/cuda:0",)),
        ("n", ()),
    ],
)
def test_a_word_names_the_devices_of_a_node_or_of_each_node(
    word: str, devices: tuple[str, ...]
) -> None:
    assert parse_filter(word, NODES).devices == devices


@pytest.mark.parametrize(
    ("word", "devices"),
    [
        ("cuda:0", ("cuda:0/0", "cuda:0/1", "n1/cuda:0/1")),
        ("cuda:0/1", ("cuda:0/1", "n1/cuda:0/1")),
        ("cuda", ("cuda:0/0", "cuda:0/1", "cuda:1", "n1/cuda:0/1")),
        ("1", ()),
    ],
)
def test_a_word_names_the_workers_of_a_card_or_one_of_them(
    word: str, devices: tuple[str, ...]
) -> None:
    several = ("cuda:0/0", "cuda:0/1", "cuda:1", "n1/cuda:0/1")
    assert parse_filter(word, several).devices == devices


@given(texts)
def test_words_written_down_are_read_back_as_words(text: str) -> None:
    found = parse_filter(text, DEVICES).words
    assert parse_filter(filter_text(found, DEVICES), DEVICES) == FileFilter(words=found)


@given(texts, states, places)
def test_what_is_typed_next_to_words_limits_no_names(
    text: str, typed: tuple[FileState, ...], devices: tuple[str, ...]
) -> None:
    found = parse_filter(text, DEVICES).words
    said = [*(state.word for state in typed), *devices, filter_text(found, DEVICES)]
    assert parse_filter(" ".join(said), DEVICES) == FileFilter(typed, devices, found)


def test_states_and_devices_chosen_elsewhere_stay_until_the_filter_names_others() -> None:
    typed = [parse_filter(text, DEVICES) for text in ("", "cuda:1", "cuda:1 done", "cuda:1", "")]
    choice = Choice((FileState.FAILED,), sort="cost")
    seen = []
    for before, now in pairwise(typed):
        choice = choice.narrowed(before, now)
        seen.append((choice.states, choice.devices))
    assert seen == [
        ((FileState.FAILED,), ("cuda:1",)),
        ((FileState.DONE,), ("cuda:1",)),
        ((), ("cuda:1",)),
        ((), ()),
    ]
    assert choice.sort == "cost"


def table_of(rows: list[tuple[str, FileState, int]]) -> FileTable:
    """Return files with these names, states and numbers of devices; of each unit a residue."""
    count = len(rows)
    units = [Unit(number, name, 1, 1, 1.0) for number, (name, _, _) in enumerate(rows)]
    return FileTable(
        units,
        Amounts(units),
        DEVICES,
        np.array([state for _, state, _ in rows], np.uint8),
        np.array([device for _, _, device in rows], np.int16),
        np.zeros(count, np.int32),
        np.full(count, np.nan, np.float32),
        np.full(count, np.nan, np.float32),
        {},
    )


names = st.sampled_from(["virus/ctg7.faa", "Virus_done.faa", "cuda:1.faa", "a b.faa", "x.faa"])
rows = st.lists(
    st.tuples(names, st.sampled_from(FileState), st.integers(NOBODY, len(DEVICES) - 1)), max_size=9
)


@given(rows, choices)
def test_the_files_shown_are_those_that_pass_every_part(
    made: list[tuple[str, FileState, int]], choice: Choice
) -> None:
    search = NameSearch()
    shown = set(chosen(table_of(made), choice, search).tolist())
    for number, (name, state, device) in enumerate(made):
        passes = (
            (not choice.states or state in choice.states)
            and (not choice.devices or (device >= 0 and DEVICES[device] in choice.devices))
            and (search.loose or all(word in name.lower() for word in choice.words))
        )
        if not choice.words or not search.loose:
            assert (number in shown) == passes
        elif number in shown:
            assert passes


@given(rows, choices)
def test_the_part_under_the_cursor_holds_every_file_shown(
    made: list[tuple[str, FileState, int]], choice: Choice
) -> None:
    totals = replace(RUNNING.totals, skipped=1)
    listed = ScopeList()
    listed._rows = scopes(replace(RUNNING, totals=totals))
    scope = listed.scope_of(choice)
    assert scope is not None
    table = table_of(made)
    for row in FileRows(table, chosen(table, choice, NameSearch())):
        assert not scope.states or row.state in scope.states
        assert scope.device in (None, row.device)


def test_every_part_is_that_of_its_own_files() -> None:
    listed = ScopeList()
    listed._rows = scopes(RUNNING)
    for scope in listed.rows:
        assert listed.scope_of(Choice(scope.states, scope.devices)) is scope
    assert [scope.states for scope in listed.rows if scope.device] == [QUEUED] * 4
