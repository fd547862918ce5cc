"""What a terminal adds to numbers: names that fit, bars, times of day."""

from __future__ import annotations

import time

import pytest
from rich.cells import cell_len

from tui_balancer.formatting import clock_time
from tui_balancer.ui.formatting import (
    bar,
    cut,
    device_label,
    device_width,
    fine_estimate,
    short_count,
    shorten,
)
from tui_balancer.ui.widgets.log_names import label_of

MORNING = 1_760_000_000.0  # Thursday, 2025-10-09 08:53:20 UTC


@pytest.fixture(autouse=True)
def _utc(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()


def test_a_name_that_fits_is_left_alone() -> None:
    assert shorten("a/b/contigs.faa", 15) == "a/b/contigs.faa"


def test_a_long_name_loses_its_folders_first() -> None:
    assert shorten("marine/virome/contigs_0001.faa", 20) == "…/contigs_0001.faa"


def test_a_long_name_without_room_for_a_mark_loses_its_folders_silently() -> None:
    assert shorten("marine/contigs_0001.faa", 16) == "contigs_0001.faa"


def test_a_long_last_part_is_cut_in_its_middle() -> None:
    assert shorten("contigs_of_station_0001.faa", 15) == "contigs…001.faa"


@pytest.mark.parametrize("width", range(12))
def test_no_name_is_wider_than_asked(width: int) -> None:
    assert cell_len(shorten("海洋/海洋ウイルス.faa", width)) <= width
    assert cell_len(cut("海洋ウイルス: no such file", width)) <= width


def test_a_text_is_cut_at_its_end() -> None:
    assert cut("line 12: no sequence", 10) == "line 12: …"


def test_counts_keep_to_five_cells() -> None:
    assert short_count(9_999) == "9,999"
    assert short_count(10_000) == "10.0k"
    assert short_count(123_456) == "123k"


def test_short_estimates_have_a_decimal() -> None:
    assert fine_estimate(0.42) == "~0.4s"
    assert fine_estimate(9.96) == "~10s"
    assert fine_estimate(312) == "~5m 12s"
    assert fine_estimate(None) == "–"


def test_a_time_of_today_has_seconds() -> None:
    assert clock_time(MORNING, MORNING + 60) == "08:53:20"
    assert clock_time(MORNING, MORNING + 60, seconds=False) == "08:53"


def test_a_time_of_another_day_has_the_weekday() -> None:
    assert clock_time(MORNING, MORNING + 86_400) == "Thu 08:53"


@pytest.mark.parametrize(
    ("fraction", "filled"),
    [(-1.0, ""), (0.0, ""), (0.25, "━"), (0.5, "━━"), (0.6, "━━╸"), (2, "━━━━")],
)
def test_a_bar_fills_by_half_cells_and_keeps_its_width(fraction: float, filled: str) -> None:
    assert bar(fraction, 4) == (filled, "─" * (4 - len(filled)))


def test_a_device_of_a_node_keeps_what_tells_it_from_others() -> None:
    assert device_label("cuda:0", 7) == "cuda:0"
    assert device_label("gpu-a100-0012/cuda:3", 12) == "…0012/cuda:3"
    assert device_width(["cuda:0"]) == 7
    assert device_width(["node-1/cpu:0", "node-2/cpu:10"]) == 13


def test_logs_of_workers_are_called_by_their_devices() -> None:
    assert label_of("worker-cpu_0") == "cpu:0"
    assert label_of("worker-node_1_cuda_3") == "node_1/cuda:3"
    assert label_of("run") == "the run"
