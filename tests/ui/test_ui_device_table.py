"""The device table: its cells, its columns at every width, its groups, its cursor."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from tests.support.pictures import BROKEN, DEVICES, RUNNING, many_devices
from tests.support.screen import app_of, fake_run, look, seen, shown
from tui_balancer.scheduler.model import DeviceMetrics, DeviceState
from tui_balancer.ui.dialogs.detail_dialog import DetailDialog
from tui_balancer.ui.painting.columns import arrange
from tui_balancer.ui.state.device_rows import MOST_OUTLIERS, DeviceRow, device_rows, is_finished
from tui_balancer.ui.styles import plain
from tui_balancer.ui.widgets.device_table import (
    DeviceTable,
    columns,
    running_cell,
    state_cell,
    utilisation_cell,
)
from tui_balancer.ui.widgets.finish_bars import finish_rows
from tui_balancer.view.handle import Phase

BUSY, SLOWER, PAUSED, IDLE = DEVICES
ALL_DONE = replace(RUNNING, totals=replace(RUNNING.totals, waiting=0))


def no_samples(_device: str, _count: int) -> Sequence[float]:
    return ()


COLUMNS = columns(no_samples)


def row(metrics: DeviceMetrics = BUSY, **changes: object) -> DeviceRow:
    return DeviceRow(replace(metrics, **changes))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("utilisation", "tone"),
    [(1.0, "good"), (0.8, "good"), (0.79, "fair"), (0.5, "fair"), (0.49, "bad"), (0.0, "bad")],
)
def test_utilisation_is_told_by_tone_bar_and_number(utilisation: float, tone: str) -> None:
    cell = utilisation_cell(row(utilisation=utilisation), 9)
    assert cell[0][1] == cell[-1][1] == tone
    assert plain(cell).endswith(f"{round(utilisation * 100)}%")
    assert len(plain(cell)) == 9


def test_a_device_that_is_through_has_no_speed_that_falls_while_one_looks() -> None:
    rates = {column.title: column.cell for column in COLUMNS if column.title.endswith("/s")}
    busy, finished = row(), replace(row(), finished=True)
    assert {title: plain(cell(busy, 5)) for title, cell in rates.items()} == {
        "seq/s": "412",
        "res/s": "121k",
    }
    assert {plain(cell(finished, 5)) for cell in rates.values()} == {"–"}


def test_an_unknown_utilisation_is_a_dash() -> None:
    assert plain(utilisation_cell(row(utilisation=None), 9)).strip() == "–"


@pytest.mark.parametrize("state", DeviceState)
def test_a_state_is_a_sign_and_a_word(state: DeviceState) -> None:
    text = plain(state_cell(row(state=state), 10))
    assert text.endswith(state.value)
    assert not text[0].isalnum()
    assert len(text) <= 10


def test_a_device_for_which_nothing_is_left_is_done_and_not_idle() -> None:
    rows = device_rows(ALL_DONE, ())
    assert plain(state_cell(rows[3], 10)) == "✓ done"
    assert plain(state_cell(rows[0], 10)) == "● busy"


@pytest.mark.parametrize(
    ("device", "snapshot", "finished"),
    [
        (IDLE, RUNNING, False),
        (IDLE, ALL_DONE, True),
        (IDLE, replace(RUNNING, stealing=False), True),
        (IDLE, replace(RUNNING, phase=Phase.DRAINING), True),
        (IDLE, replace(ALL_DONE, phase=Phase.LOADING), False),
        (replace(IDLE, state=DeviceState.STOPPED), ALL_DONE, True),
        (replace(IDLE, state=DeviceState.STOPPED), RUNNING, False),
        (replace(IDLE, state=DeviceState.DEAD), ALL_DONE, False),
        (PAUSED, ALL_DONE, False),
    ],
)
def test_when_a_device_is_through(device: DeviceMetrics, snapshot: object, finished: bool) -> None:
    assert is_finished(device, snapshot) is finished  # type: ignore[arg-type]


def test_the_current_file_stands_with_its_progress() -> None:
    assert plain(running_cell(row(), 30)) == "…/contigs_0096.faa         45%"


def test_a_dead_device_says_why() -> None:
    assert plain(running_cell(row(BROKEN.devices[1]), 60)) == "CUDA out of memory, three times"


def test_the_figures_of_a_card_stand_once() -> None:
    workers = tuple(
        replace(one, device=device)
        for one, device in zip(DEVICES, ("cuda:0/0", "cuda:0/1", "cuda:1", "cuda:0/2"), strict=True)
    )
    rows = device_rows(replace(RUNNING, devices=workers), ())
    cells = {
        one.title: [plain(one.cell(row, one.width)).strip() for row in rows]
        for one in columns(no_samples, 8)
        if one.title in ("Device", "Memory", "Load")
    }
    assert cells == {
        "Device": ["cuda:0/0", "cuda:0/1", "cuda:1", "cuda:0/2"],
        "Memory": ["31.0/80.0 GiB", '"', "17.0/24.0 GiB", '"'],
        "Load": ["93%", '"', "–", "–"],
    }


async def test_the_details_of_a_worker_say_what_it_has_of_its_card() -> None:
    sample = replace(BUSY.sample, process_memory=12 << 30)
    run = fake_run(replace(RUNNING, devices=(replace(BUSY, sample=sample), *DEVICES[1:])))
    async with shown(run) as pilot:
        await pilot.press("enter")
        assert "31.0/80.0 GiB of the card, 12.0 GiB by this worker" in await seen(pilot)


async def test_names_of_workers_are_shown_whole() -> None:
    workers = tuple(replace(one, device=f"cuda:1/{n}") for n, one in enumerate(DEVICES))
    run = fake_run(replace(RUNNING, devices=workers))
    async with shown(run) as pilot:
        text = await seen(pilot)
        assert "▸ cuda:1/0  ● busy" in text
        run.change(devices=DEVICES)
        await look(pilot)
        assert "▸ cuda:0   ● busy" in await seen(pilot)


def test_an_idle_device_has_no_file() -> None:
    assert plain(running_cell(row(IDLE), 20)) == "–"


def titles(width: int) -> list[str]:
    return [column.title for column, _ in arrange(COLUMNS, width, 1)]


def test_eighty_cells_keep_what_steering_needs() -> None:
    wanted = ["Device", "State", "Busy", "Last 20s", "seq/s", "Queue", "Done", "Current file"]
    assert titles(76) == wanted


def test_two_hundred_cells_have_every_column() -> None:
    assert titles(196) == [column.title for column in COLUMNS]


def test_even_a_tiny_terminal_shows_which_device_does_what() -> None:
    assert titles(42)[:2] == ["Device", "State"]


def devices_of(pilot: object) -> DeviceTable:
    return app_of(pilot).run_screen.overview.devices  # type: ignore[arg-type]


async def test_cells_are_updated_in_place_and_the_cursor_stays() -> None:
    run = fake_run()
    async with shown(run) as pilot:
        await pilot.press("down", "down")
        assert devices_of(pilot).device == "cuda:2"
        gone = replace(PAUSED, state=DeviceState.BUSY, utilisation=0.88, files_done=159)
        run.change(devices=(BUSY, SLOWER, gone, IDLE))
        await look(pilot)
        assert devices_of(pilot).device == "cuda:2"
        assert "88%" in await seen(pilot)
        assert "159" in await seen(pilot)


async def test_only_lines_that_changed_are_painted_again() -> None:
    run = fake_run()
    async with shown(run) as pilot:
        devices = devices_of(pilot)
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
        assert (devices_of(pilot).cursor, devices_of(pilot).device) == (0, "cuda:2")


async def test_the_samples_of_a_device_grow_into_bars() -> None:
    run = fake_run()
    async with shown(run) as pilot:
        done = BUSY.residues_done
        for second, residues in enumerate((0, 800, 800, 400, 0), 1):
            done += residues
            device = replace(BUSY, residues_done=done)
            run.change(elapsed_seconds=754.0 + 2 * second, devices=(device, *DEVICES[1:]))
            await look(pilot)
        line = next(one for one in (await seen(pilot)).splitlines() if "▸ cuda:0" in one)
        assert "     ▁██▅▁" in line


async def test_sixty_four_devices_scroll_in_groups_of_their_hardware() -> None:
    run = fake_run(replace(RUNNING, devices=many_devices(64)))
    async with shown(run, (80, 24)) as pilot:
        text = await seen(pilot)
        assert "▸ ▸ 32 ×" in text
        assert "A100-SXM4-80GB" in text
        await pilot.press("z", "end", "z", "end")
        await pilot.pause()
        assert "▸ cuda:63" in await seen(pilot)
        assert devices_of(pilot).device == "cuda:63"


async def test_a_group_unfolds_and_folds() -> None:
    run = fake_run(replace(RUNNING, devices=many_devices(64)))
    async with shown(run) as pilot:
        folded = 2 + 2 * MOST_OUTLIERS
        assert len(devices_of(pilot).rows) == folded
        await pilot.press("z")
        assert len(devices_of(pilot).rows) == 2 + 32 + MOST_OUTLIERS
        await pilot.press("enter")
        assert len(devices_of(pilot).rows) == folded
        await pilot.press("down", "z")
        assert devices_of(pilot).cursor == 0
        assert len(devices_of(pilot).rows) == 2 + 32 + MOST_OUTLIERS


def test_a_group_has_the_sum_of_what_its_devices_have_done() -> None:
    snapshot = replace(RUNNING, devices=many_devices(64))
    group = device_rows(snapshot, ())[0].metrics
    members = [one for one in snapshot.devices if one.name == group.name]
    assert len(members) == 32
    assert group.residues_done == sum(one.residues_done for one in members) > 0
    assert group.files_done == sum(one.files_done for one in members) > 0


async def test_the_devices_of_a_cluster_are_under_their_nodes_however_few() -> None:
    on_nodes = [
        replace(one, device=f"{node}/{one.device}")
        for node, one in zip(("node-1", "node-1", "node-2", "node-2"), DEVICES, strict=True)
    ]
    async with shown(fake_run(replace(RUNNING, devices=tuple(on_nodes)))) as pilot:
        table = devices_of(pilot)
        assert [(one.group, one.members) for one in table.rows] == [
            *(("node-1", 2), ("node-1", 0), ("node-1", 0)),
            *(("node-2", 2), ("node-2", 0), ("node-2", 0)),
        ]
        text = await seen(pilot)
        assert "node-2" in text
        assert "node-2/" not in text.partition("Finish times")[0]
        await pilot.press("down", "z")
        assert [one.group for one in table.rows] == ["node-1", "node-2", "node-2", "node-2"]


async def test_a_click_selects_a_device() -> None:
    async with shown(fake_run()) as pilot:
        await pilot.click("#devices", offset=(5, 4))
        assert devices_of(pilot).device == "cuda:2"


async def test_enter_shows_all_about_a_device_and_keeps_it_up_to_date() -> None:
    run = fake_run()
    async with shown(run) as pilot:
        await pilot.press("enter")
        assert isinstance(pilot.app.screen, DetailDialog)
        text = await seen(pilot)
        for part in (
            "NVIDIA A100-SXM4-80GB",
            "31.0/80.0 GiB",
            "160 TFLOP/s",
            "+12 to it, −0 from it",
            "Last files",
            "Events",
        ):
            assert part in text
        run.change(devices=(replace(BUSY, files_done=399), *DEVICES[1:]))
        await look(pilot)
        assert "399 files" in await seen(pilot)
        await pilot.press("escape")
        assert pilot.app.screen is app_of(pilot).run_screen


def test_who_has_nothing_has_no_end_to_wait_for_and_is_done_when_nothing_waits() -> None:
    idle = replace(DEVICES[3], finish_seconds=0.0)
    snapshot = replace(RUNNING, devices=(*DEVICES[:3], idle))
    assert [row.text for row in finish_rows(snapshot)] == ["~56s", "~11s", "~15m 40s", "–"]
    finished = replace(snapshot, totals=replace(RUNNING.totals, waiting=0))
    assert finish_rows(finished)[3].text == "done"
