"""Which columns lists show, in which order, and what of that the next session finds again."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual.pilot import Pilot

from tests.support.screen import app_of, fake_run, look, seen, settled, shown
from tui_balancer.cli.preferences import PATH_VARIABLE, read_preferences
from tui_balancer.ui.app import BalancerApp
from tui_balancer.ui.appearance import Appearance
from tui_balancer.ui.painting.column_layout import ColumnLayout
from tui_balancer.ui.painting.columns import Column
from tui_balancer.ui.screen_memory import ScreenMemory
from tui_balancer.ui.state.file_rows import FileRow
from tui_balancer.ui.widgets.file_columns import file_columns, reason_columns

COLUMNS = file_columns((), 7)
TITLES = [column.title for column in COLUMNS if column.title]

titles = st.lists(st.sampled_from([*TITLES, "Gone"]), unique=True).map(tuple)
layouts = st.builds(ColumnLayout, titles, titles)


def shown_titles(layout: ColumnLayout, columns: tuple[Column[FileRow], ...]) -> list[str]:
    return [column.title for column, is_shown in layout.of(columns) if is_shown]


@given(layouts)
def test_a_layout_keeps_every_column_once_and_the_names_in_view(layout: ColumnLayout) -> None:
    laid_out = layout.of(COLUMNS)
    assert sorted(column.title for column, _ in laid_out) == sorted(["", *TITLES])
    for column, is_shown in laid_out:
        if column.always:
            assert is_shown
        elif column.title in layout.order:
            assert is_shown == (column.title not in layout.hidden)
    placed = [column.title for column, _ in laid_out if column.title in layout.order]
    assert placed == [title for title in layout.order if title in TITLES]


def test_a_column_that_the_layout_does_not_know_stands_behind_its_usual_neighbour() -> None:
    layout = ColumnLayout(tuple(title for title in TITLES if title != "Next")[::-1])
    assert shown_titles(layout, COLUMNS) == [
        *("", "ETA", "FLOP", "Res", "Seqs", "Device", "Next", "State", "File")
    ]


def test_columns_of_files_without_an_output_are_shown_where_they_are_asked_for() -> None:
    columns = reason_columns((), 7)
    assert shown_titles(ColumnLayout(), columns) == ["", "File", "Why"]
    asked = ColumnLayout(("Device", "File", "Why"), ("Why",))
    assert shown_titles(asked, columns) == ["", "Device", "File"]


def test_what_was_chosen_is_found_again_and_nothing_is_written_where_nothing_was(
    tmp_path: Path,
) -> None:
    path = tmp_path / "new" / "screen.json"
    memory = ScreenMemory(path)
    memory.save()
    assert not path.parent.exists()
    layout = ColumnLayout(("ETA", "File"), ("ETA",))
    memory.keep_layout("files", layout)
    memory.sort = "cost", True
    memory.save()
    again = ScreenMemory(path)
    assert (again.layout("files"), again.sort) == (layout, ("cost", True))
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize(
    "content", [b"", b"[]", b'{"columns": 3}', b'{"sort": null}', b"\xff", b'{"columns": {"a": 1}}']
)
def test_a_damaged_memory_is_none(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "screen.json"
    path.write_bytes(content)
    memory = ScreenMemory(path)
    assert (memory.layout("files"), memory.sort) == (ColumnLayout(), ("", False))


def test_a_memory_that_cannot_be_written_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way of a folder")
    memory = ScreenMemory(tmp_path / "file" / "screen.json")
    memory.sort = "cost", True
    memory.save()
    assert (tmp_path / "file").read_text() == "in the way of a folder"


def test_the_memory_lies_next_to_the_preferences(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(PATH_VARIABLE, str(tmp_path / "mine.toml"))
    memory = read_preferences().appearance.memory
    memory.sort = "cost", True
    memory.save()
    assert [path.name for path in tmp_path.iterdir()] == ["mine.screen.json"]


async def heading(pilot: Pilot[int], part: str) -> list[str]:
    """Return the words of the line of the screen that has this one."""
    lines = (await seen(pilot)).splitlines()
    return next(line for line in lines if f" {part}" in line).split()


async def test_columns_of_the_files_are_hidden_moved_and_put_back() -> None:
    async with shown(fake_run()) as pilot:
        await pilot.press("2")
        await look(pilot)
        await pilot.press("c", "space", "down", "space", "left_square_bracket", "enter")
        assert (await heading(pilot, "FLOP"))[-6:] == [
            "File",
            "Next▾",
            "Seqs",
            "Res",
            "FLOP",
            "ETA",
        ]
        await pilot.press("c", "end", "shift+up", "shift+up", "enter")
        assert (await heading(pilot, "FLOP"))[-4:] == ["Seqs", "ETA", "Res", "FLOP"]
        await pilot.press("c", "d", "enter")
        assert (await heading(pilot, "FLOP"))[-8:] == [
            *("File", "State", "Device", "Next▾", "Seqs", "Res", "FLOP", "ETA")
        ]


async def test_the_names_cannot_be_hidden_and_escape_changes_nothing() -> None:
    async with shown(fake_run()) as pilot:
        await pilot.press("2")
        await look(pilot)
        before = await heading(pilot, "FLOP")
        await pilot.press("c", "up", "space")
        assert "[x] File          always shown" in await seen(pilot)
        await pilot.press("down", "space", "escape")
        assert await heading(pilot, "FLOP") == before


async def test_a_column_without_room_says_so() -> None:
    async with shown(fake_run(), (80, 30)) as pilot:
        await pilot.press("c")
        text = await seen(pilot)
        assert "[x] Hardware      no room now" in text
        assert "[x] State\n" not in text


async def test_hiding_columns_makes_room_for_others() -> None:
    async with shown(fake_run(), (80, 30)) as pilot:
        assert "res/s" not in await heading(pilot, "Current")
        await pilot.press("c", "down", "space", "down", "space", "down", "space", "enter")
        await settled(pilot)
        assert "res/s" in await heading(pilot, "Current")


async def test_columns_and_order_are_those_of_the_session_before(tmp_path: Path) -> None:
    path = tmp_path / "screen.json"
    for session in range(2):
        app = BalancerApp(fake_run(), poll=False, look=Appearance(memory=ScreenMemory(path)))
        async with app.run_test(size=(120, 40)) as pilot:
            await look(pilot)
            if session:
                assert "State" not in await heading(pilot, "Queue")
            else:
                await pilot.press("c", "space", "enter")
            await pilot.press("2")
            await look(pilot)
            if session:
                assert app_of(pilot).run_screen.queues.files.choice.sort == "file"
                assert app_of(pilot).run_screen.queues.files.choice.backwards
                assert "State" in await heading(pilot, "FLOP")
            else:
                await pilot.press("s", "S")


def test_a_sort_order_that_is_no_more_is_the_usual_one() -> None:
    memory = ScreenMemory()
    memory.sort = "colour", True
    app = BalancerApp(fake_run(), poll=False, look=Appearance(memory=memory))
    choice = app.run_screen.queues.files.choice
    assert (choice.sort, choice.backwards) == ("order", False)
