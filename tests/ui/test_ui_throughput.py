"""The run's throughput over time: what is kept of it, and the chart that shows it."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest

from tests.support.pictures import DEVICES, FINISHED, RUNNING, SUMMARY, many_devices
from tests.support.screen import app_of, fake_run, look, seen, shown
from tui_balancer.ui.state.run_throughput import KEPT_SAMPLES, RunThroughput
from tui_balancer.ui.widgets.throughput_chart import ThroughputChart
from tui_balancer.view.handle import RunSnapshot


def picture(seconds: float, *residues: int) -> RunSnapshot:
    devices = zip(DEVICES, residues, strict=False)
    return replace(
        RUNNING,
        elapsed_seconds=seconds,
        devices=tuple(replace(device, residues_done=done) for device, done in devices),
    )


def throughput_of(*samples: tuple[float, int]) -> RunThroughput:
    throughput = RunThroughput()
    for seconds, residues in samples:
        throughput.note(picture(seconds, residues))
    return throughput


def test_the_rate_is_that_of_all_devices_over_the_time_asked_for() -> None:
    throughput = RunThroughput()
    for seconds, *residues in ((0, 0, 0), (10, 100, 300), (20, 100, 700)):
        throughput.note(picture(seconds, *residues))
    assert throughput.rate(0, 10) == 40
    assert throughput.rate(10, 20) == 40
    assert throughput.rate(0, 5) == 40
    assert throughput.rate(5, 15) == 40


def test_a_stretch_takes_its_share_of_the_samples_beside_it() -> None:
    throughput = throughput_of((0, 0), (10, 100), (20, 500))
    assert throughput.rate(5, 15) == pytest.approx(25)


def test_before_somebody_looked_there_is_an_average_and_after_it_nothing() -> None:
    throughput = throughput_of((100, 5000), (110, 6000))
    assert (throughput.rate(0, 100), throughput.since) == (50, 100)
    assert throughput.rate(100, 120) == 100, "only what is known counts"
    assert throughput.rate(110, 120) is None
    assert RunThroughput().rate(0, 1) is None
    assert throughput_of((100, 0), (110, 10)).since == 0, "nothing was missed"


def test_a_node_that_is_lost_takes_no_throughput_back() -> None:
    throughput = throughput_of((0, 0), (10, 1000))
    throughput.note(picture(20, 400))
    assert throughput.rate(10, 20) == 0


def test_days_are_kept_in_few_samples_that_lie_evenly() -> None:
    throughput = RunThroughput()
    for number in range(3 * KEPT_SAMPLES):
        throughput.note(picture(2.0 * number, 20 * number))
    assert len(throughput._seconds) <= KEPT_SAMPLES
    gaps = {after - before for before, after in pairwise(throughput._seconds)}
    assert gaps == {8.0}
    assert throughput.rate(3, 4000) == pytest.approx(10)


async def test_the_bars_stand_under_the_tracks_whose_time_they_show() -> None:
    run = fake_run()
    async with shown(run) as pilot:
        throughput = app_of(pilot).run_screen.run_state.throughput
        throughput.forget()
        for seconds, residues in ((0, 0), (300, 0), (400, 4000), (500, 4000), (700, 8000)):
            throughput.note(picture(seconds, residues))
        await pilot.press("5")
        await look(pilot)
        lines = (await seen(pilot)).splitlines()
        title = next(place for place, line in enumerate(lines) if "Throughput" in line)
        top, bottom = lines[title + 1], lines[title + 8]
        labels = next(line for line in lines if "Device" in line)
        minutes = labels.index("4m") - 24, labels.index("8m") - 48
        zero = labels.index(" 0 ") + 1
        assert minutes == (zero, zero), "ten seconds a letter"
        assert top.split()[0] == "40", "residues a second where it was highest"
        assert bottom[zero : zero + 70] == " " * 30 + "█" * 10 + " " * 10 + "█" * 20
        assert top[zero : zero + 70] == " " * 30 + "█" * 10 + " " * 30


async def test_what_was_before_the_screen_was_opened_is_shaded() -> None:
    async with shown(fake_run()) as pilot:
        throughput = app_of(pilot).run_screen.run_state.throughput
        throughput.forget()
        for seconds, residues in ((400, 4000), (700, 7000)):
            throughput.note(picture(seconds, residues))
        await pilot.press("5")
        await look(pilot)
        chart = app_of(pilot).run_screen.timeline.chart
        _number, before, after = chart.draw(0, chart.room.width)
        assert before == ("░" * 40, "dim")
        assert (after[0].rstrip(), after[1]) == ("█" * 30, "even")


@pytest.mark.parametrize(
    ("size", "keys", "devices", "charted"),
    [
        ((120, 40), (), 4, False),
        ((120, 40), (), 32, True),
        ((120, 24), (), 32, False),
        ((80, 24), (), 4, False),
        ((80, 24), ("5",), 4, True),
        ((80, 18), ("5",), 4, False),
        ((120, 40), ("5",), 32, False),
    ],
)
async def test_the_chart_takes_only_room_that_is_left(
    size: tuple[int, int], keys: tuple[str, ...], devices: int, charted: bool
) -> None:
    run = fake_run(replace(RUNNING, devices=many_devices(devices)))
    async with shown(run, size) as pilot:
        await pilot.press(*keys)
        await look(pilot)
        await seen(pilot)
        charts = app_of(pilot).run_screen.view.query(ThroughputChart)
        assert [chart.region.height > 0 for chart in charts] == [charted]


async def test_the_summary_takes_the_charts_place() -> None:
    run = fake_run(FINISHED)
    run.final = SUMMARY
    async with shown(run) as pilot:
        assert "Throughput" not in await seen(pilot)
