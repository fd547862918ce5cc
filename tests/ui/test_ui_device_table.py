"""The device table: its cells, its columns at every width, its cursor."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.support.pictures import BROKEN, DEVICES, RUNNING
from tests.support.screen import app_of, fake_run, look, seen, shown
from tui_balancer.balance.model import DeviceMetrics, DeviceState
from tui_balancer.ui.tones import plain
from tui_balancer.ui.widgets.columns import arrange
from tui_balancer.ui.widgets.device_table import (
    COLUMNS,
    running_cell,
    state_cell,
    utilisation_cell,
)

BUSY, SLOWER, PAUSED, IDLE = DEVICES


@pytest.mark.parametrize(
    ("utilisation", "tone"),
    [(1.0, "good"), (0.8, "good"), (0.79, "fair"), (0.5, "fair"), (0.49, "bad"), (0.0, "bad")],
)
def test_utilisation_is_told_by_tone_bar_and_number(utilisation: float, tone: str) -> None:
    cell = utilisation_cell(replace(BUSY, utilisation=utilisation), 9)
    assert cell[0][1] == cell[-1][1] == tone
    assert plain(cell).endswith(f"{round(utilisation * 100)}%")
    assert len(plain(cell)) == 9


def test_an_unknown_utilisation_is_a_dash() -> None:
    assert plain(utilisation_cell(replace(BUSY, utilisation=None), 9)).strip() == "–"


@pytest.mark.parametrize("state", DeviceState)
def test_a_state_is_a_sign_and_a_word(state: DeviceState) -> None:
    text = plain(state_cell(replace(BUSY, state=state), 10))
    assert text.endswith(state.value)
    assert not text[0].isalnum()
    assert len(text) <= 10


def test_the_current_file_stands_with_its_progress() -> None:
    assert plain(running_cell(BUSY, 30)) == "…/contigs_0096.faa         45%"


def test_a_dead_device_says_why() -> None:
    assert plain(running_cell(BROKEN.devices[1], 60)) == "CUDA out of memory, three times"


def test_an_idle_device_has_no_file() -> None:
    assert plain(running_cell(IDLE, 20)) == "–"


def titles(width: int) -> list[str]:
    return [column.title for column, _ in arrange(COLUMNS, width, 1)]


def test_eighty_cells_keep_what_steering_needs() -> None:
    assert titles(76) == ["Device", "State", "Busy", "seq/s", "Queue", "Done", "Stolen", "Now"]


def test_two_hundred_cells_have_every_column() -> None:
    assert titles(196) == [column.title for column in COLUMNS]


def test_even_a_tiny_terminal_shows_which_device_does_what() -> None:
    assert titles(42) == ["Device", "State", "Busy", "Queue"] or titles(42)[:2] == [
        "Device",
        "State",
    ]


async def test_cells_are_updated_in_place_and_the_cursor_stays() -> None:
    run = fake_run()
    async with shown(run) as pilot:
        await pilot.press("down", "down")
        devices = app_of(pilot).run_screen.devices
        assert devices.cursor_row == PAUSED
        gone = replace(PAUSED, state=DeviceState.BUSY, utilisation=0.88, files_done=159)
        run.change(devices=(BUSY, SLOWER, gone, IDLE))
        await look(pilot)
        assert devices.cursor_row == gone
        assert "88%" in await seen(pilot)
        assert "159" in await seen(pilot)


async def test_only_lines_that_changed_are_painted_again() -> None:
    run = fake_run()
    async with shown(run) as pilot:
        devices = app_of(pilot).run_screen.devices
        painted: list[int] = []
        render_line = devices.render_line
        devices.render_line = lambda y: (painted.append(y), render_line(y))[1]  # type: ignore[method-assign]
        run.change(devices=(BUSY, replace(SLOWER, files_done=288), PAUSED, IDLE))
        await look(pilot)
        assert set(painted) == {2}


async def test_the_cursor_follows_its_device_when_others_come_and_go() -> None:
    run = fake_run()
    async with shown(run) as pilot:
        await pilot.press("down", "down")
        run.change(devices=(PAUSED, IDLE))
        await look(pilot)
        devices = app_of(pilot).run_screen.devices
        assert (devices.cursor, devices.cursor_row) == (0, PAUSED)


async def test_sixty_four_devices_scroll() -> None:
    many = tuple(replace(BUSY, device=f"cuda:{number}") for number in range(64))
    run = fake_run(replace(RUNNING, devices=many))
    async with shown(run, (80, 24)) as pilot:
        await pilot.press("end")
        await pilot.pause()
        assert "▸ cuda:63" in await seen(pilot)
        row = app_of(pilot).run_screen.devices.cursor_row
        assert isinstance(row, DeviceMetrics)
        assert row.device == "cuda:63"


async def test_a_click_selects_a_device_and_shows_its_queue() -> None:
    async with shown(fake_run()) as pilot:
        await pilot.click("#devices", offset=(5, 4))
        await look(pilot)
        assert app_of(pilot).run_screen.devices.cursor_row == PAUSED
        assert "Queue of cuda:2 · 131 files" in await seen(pilot)


async def test_enter_on_a_device_goes_to_its_queue() -> None:
    async with shown(fake_run()) as pilot:
        await pilot.press("enter")
        assert pilot.app.focused is app_of(pilot).run_screen.queue
