"""The overview uses its room: next files, throughput by device, and outliers of many devices."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from tests.support.pictures import DEVICES, RUNNING, many_devices
from tests.support.screen import app_of, fake_run, grow_older, look, seen, shown
from tui_balancer.scheduler.model import DeviceState
from tui_balancer.ui.state.device_rows import GROUPED_FROM, MOST_OUTLIERS, device_rows, outliers
from tui_balancer.ui.state.throughput_history import SAMPLE_SECONDS, ThroughputHistory
from tui_balancer.ui.styles import plain
from tui_balancer.ui.widgets.finish_bars import finish_rows
from tui_balancer.ui.widgets.next_files import columns, next_files


def history_of(rates: list[int]) -> ThroughputHistory:
    history, done = ThroughputHistory(), 0
    for number, rate in enumerate([0, *rates]):
        done += int(rate * SAMPLE_SECONDS)
        device = replace(DEVICES[0], residues_done=done)
        history.note(replace(RUNNING, elapsed_seconds=number * SAMPLE_SECONDS, devices=(device,)))
    return history


def test_a_paused_device_starts_its_next_file_nobody_knows_when() -> None:
    rows = next_files(RUNNING, 2)
    assert [(row.device, row.first) for row in rows] == [
        *(("cuda:0", True), ("cuda:0", False)),
        *(("cuda:1", True), ("cuda:1", False)),
        *(("cuda:2", True), ("cuda:2", False)),
    ]
    starts = columns(7)[-1]
    assert [plain(starts.cell(row, 9)) for row in rows][::2] == ["~10s", "~10s", "–"]


@given(st.lists(st.integers(0, 1000), min_size=1, max_size=60), st.integers(1, 9))
def test_averages_are_those_of_the_samples(rates: list[int], samples: int) -> None:
    averages = history_of(rates).averages("cuda:0", samples, 1000)
    chunks = [rates[at : at + samples] for at in range(0, len(rates), samples)]
    assert averages == [sum(chunk) / len(chunk) for chunk in chunks]


def test_a_new_sample_changes_the_last_average_alone() -> None:
    rates = [10, 20, 30, 40, 50, 60, 70]
    before = history_of(rates).averages("cuda:0", 3, 1000)
    after = history_of([*rates, 80]).averages("cuda:0", 3, 1000)
    assert before[:-1] == after[:-1] == [20, 50]
    assert (before[-1], after[-1]) == (70, 75)


def test_of_many_devices_groups_and_outliers_are_shown() -> None:
    late = replace(DEVICES[0], device="cuda:70", finish_seconds=5_000.0)
    dead = replace(DEVICES[0], device="cuda:71", state=DeviceState.DEAD)
    busy = [replace(DEVICES[0], device=f"cuda:{number}") for number in range(20)]
    snapshot = replace(RUNNING, devices=(*busy, late, dead))
    rows = device_rows(snapshot, ())
    assert [row.metrics.device for row in rows] == ["", "cuda:71", "cuda:70"]
    assert rows[0].folded
    unfolded = device_rows(snapshot, {rows[0].group})
    assert len(unfolded) == 1 + len(snapshot.devices)


def test_a_group_of_outliers_alone_stays_short() -> None:
    paused = [replace(DEVICES[2], device=f"cuda:{number}") for number in range(64)]
    assert len(outliers(paused, replace(RUNNING, devices=tuple(paused)))) == MOST_OUTLIERS


def test_few_devices_are_never_folded() -> None:
    few = many_devices(GROUPED_FROM - 1)
    assert len(device_rows(replace(RUNNING, devices=few), ())) == len(few)


def test_of_many_devices_the_last_to_finish_come_first() -> None:
    rows = finish_rows(replace(RUNNING, devices=many_devices(64)))
    ends = [row.ends or 0.0 for row in rows]
    assert ends == sorted(ends, reverse=True)
    assert [row.device for row in finish_rows(RUNNING)] == [one.device for one in DEVICES]


async def test_a_tall_screen_shows_next_files_and_the_throughput_by_device() -> None:
    run = fake_run()
    async with shown(run, (120, 40)) as pilot:
        await grow_older(pilot, run)
        text = await seen(pilot)
        assert "Next files" in text
        assert "contigs_0100.faa" in text
        assert "Throughput by device · residues/s · last 24s" in text


async def test_a_picture_without_a_new_sample_paints_no_throughput() -> None:
    run = fake_run()
    async with shown(run, (120, 40)) as pilot:
        await grow_older(pilot, run)
        rates = app_of(pilot).run_screen.overview.rates
        before = rates._kept
        assert before is not None, "it is on the screen"
        run.change(elapsed_seconds=run.current.elapsed_seconds + 0.25)
        await look(pilot)
        assert rates._kept is before
        faster = [replace(one, residues_done=10**9) for one in run.current.devices]
        run.change(elapsed_seconds=run.current.elapsed_seconds + 4, devices=tuple(faster))
        await look(pilot)
        assert rates._kept is not before


async def test_a_low_screen_shows_the_essentials() -> None:
    async with shown(fake_run(), (80, 24)) as pilot:
        text = await seen(pilot)
        assert "Next files" not in text
        assert "Finish times" in text
        assert "Events" in text


async def test_enter_on_a_next_file_tells_all_about_it() -> None:
    async with shown(fake_run(), (120, 40)) as pilot:
        app_of(pilot).run_screen.overview.next_files.focus()
        await pilot.press("down", "enter")
        await look(pilot)
        assert "contigs_0101.faa" in str(pilot.app.screen.query_one(".dialog").border_title)
        assert "cuda:0, place 2 in the queue" in await seen(pilot)
