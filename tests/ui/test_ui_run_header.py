"""The three lines at the top of the screen, at several widths."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from tests.support.pictures import BROKEN, DISK_FULL, FINISHED, PAUSED, RUNNING, SCANNING, UNTRAINED
from tui_balancer.scheduler.model import CountSettings, Totals
from tui_balancer.ui.styles import line_width, plain
from tui_balancer.ui.widgets.run_header import progress_line, rates_line, state_line
from tui_balancer.view.handle import Phase, RunSnapshot

WIDTHS = (60, 78, 100, 118, 198)
PICTURES = (SCANNING, RUNNING, UNTRAINED, PAUSED, BROKEN, FINISHED)


@pytest.fixture(autouse=True)
def _utc(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("snapshot", PICTURES, ids=lambda one: one.phase.name)
def test_every_line_fits(snapshot: RunSnapshot, width: int) -> None:
    lines = (
        state_line(snapshot, width, frozen=True),
        progress_line(snapshot, width),
        rates_line(snapshot, width),
    )
    assert [line_width(line) for line in lines] == [width] * 3


def test_the_state_line_names_phase_time_and_model() -> None:
    text = plain(state_line(RUNNING, 78, frozen=False))
    assert text.startswith("● running  12m 34s")
    assert "esm2_t33_650M_UR50D" in text
    assert "FROZEN" not in text
    assert "PAUSED" not in text


@pytest.mark.parametrize(
    "ended",
    [
        replace(FINISHED, stop_reason="the run's process has died"),
        replace(FINISHED, totals=replace(FINISHED.totals, done=1_200, waiting=1)),
    ],
)
def test_a_run_that_did_not_get_to_its_end_is_not_called_finished(ended: RunSnapshot) -> None:
    assert plain(state_line(FINISHED, 78, frozen=False)).startswith("■ finished")
    assert plain(state_line(ended, 78, frozen=False)).startswith("■ ended early")


def test_badges_stand_for_paused_and_frozen() -> None:
    line = state_line(PAUSED, 78, frozen=True)
    assert [text.strip() for text, tone in line if tone == "badge"] == ["PAUSED", "FROZEN"]


@pytest.mark.parametrize("width", [78, 118])
def test_untrained_weights_are_named_at_every_width(width: int) -> None:
    assert "untrained weights" in plain(state_line(UNTRAINED, width, frozen=True))


def test_the_bar_shows_work_and_the_head_shows_files() -> None:
    text = plain(progress_line(RUNNING, 78))
    assert text.startswith("1,023 / 1,204 files")
    assert "76%" in text


@pytest.mark.parametrize(
    ("width", "end"), [(54, "ETA ~5m 12s"), (78, "(at 09:11)"), (118, "ETA ~5m 12s (at 09:11)")]
)
def test_the_end_comes_with_its_time_of_day_from_80_columns_on(width: int, end: str) -> None:
    assert plain(progress_line(RUNNING, width)).endswith(end)


def test_an_unknown_end_is_a_dash() -> None:
    assert plain(progress_line(replace(RUNNING, eta_seconds=None), 78)).endswith("ETA –")


def test_a_run_without_work_has_an_empty_bar() -> None:
    loading = replace(RUNNING, phase=Phase.LOADING, totals=Totals(), eta_seconds=None)
    assert "0%" in plain(progress_line(loading, 78))


def test_scanning_shows_the_scan() -> None:
    assert plain(progress_line(SCANNING, 78)).startswith("371 / 1,204 files scanned")
    assert "95,400 sequences" in plain(rates_line(SCANNING, 78))
    assert "21.8M residues" in plain(rates_line(SCANNING, 78))


def test_rates_and_rule_come_with_units() -> None:
    text = plain(rates_line(RUNNING, 118))
    assert text.startswith("776 seq/s  ·  224k res/s  ·  94% efficient  ·  steal if ≥ 1 s saved")
    assert "2 running, 179 waiting" in text


def test_what_is_wrong_outlives_a_narrow_terminal_with_the_key_that_shows_it() -> None:
    by_count = replace(BROKEN, policy=CountSettings())
    text = plain(rates_line(by_count, 78))
    assert "✗ cuda:1 dead" in text
    assert "✗ 3 failed  ·  ▲ 1 warning  ·  press 3" in text
    assert "94% efficient" in text


def test_a_run_without_trouble_says_so() -> None:
    assert plain(rates_line(RUNNING, 78)).endswith("✓ no problems")


def test_what_a_person_skipped_is_named_apart_and_nothing_wrong() -> None:
    skipping = replace(RUNNING, totals=replace(RUNNING.totals, skipped=2))
    assert plain(rates_line(skipping, 78)).endswith("✓ no problems  ·  − 2 skipped")


def test_a_poorly_balanced_run_looks_so() -> None:
    tones = dict(rates_line(replace(RUNNING, efficiency=0.61), 118))
    assert tones["61% efficient"] == "fair"


@pytest.mark.parametrize("width", [60, 78, 118])
def test_a_held_run_says_why_and_how_it_goes_on(width: int) -> None:
    text = plain(rates_line(DISK_FULL, width))
    assert "no space left" in text
    assert "P resumes" in text


def test_a_run_without_stealing_says_so() -> None:
    assert "no stealing" in plain(rates_line(replace(RUNNING, stealing=False), 78))
