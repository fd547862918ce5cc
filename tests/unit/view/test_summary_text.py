"""The end of a run: its lines and its exit code."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.support import pictures
from tui_balancer.view.handle import FailedFile, RunSummary
from tui_balancer.view.summary_text import exit_code, summary_lines

ALL_DONE = replace(pictures.SUMMARY, failed=(), waiting=0, interrupted=False, stop_reason="")
BAD = FailedFile("bad.faa", "line 3: '1' is not a residue")


@pytest.mark.parametrize(
    ("summary", "code"),
    [
        (ALL_DONE, 0),
        (replace(ALL_DONE, failed=(BAD,)), 1),
        (replace(ALL_DONE, waiting=2, stop_reason="every device is dead"), 1),
        (replace(ALL_DONE, waiting=2, interrupted=True), 130),
        (replace(ALL_DONE, interrupted=True), 0),
        (replace(ALL_DONE, missing=1), 1),
        (replace(ALL_DONE, skips=(FailedFile("a.faa", "skipped", by_hand=True),)), 1),
    ],
)
def test_the_exit_code_tells_done_failed_waiting_and_interrupted_apart(
    summary: RunSummary, code: int
) -> None:
    assert exit_code(summary) == code


def test_the_summary_names_every_failed_file_with_its_reason() -> None:
    lines = summary_lines(replace(ALL_DONE, failed=(BAD,)))
    assert "1 file failed:" in lines
    assert "  bad.faa: line 3: '1' is not a residue" in lines


def test_the_summary_says_how_to_try_failed_files_again() -> None:
    advice = "--retry-failed` tries them again"
    (line,) = (one for one in summary_lines(replace(ALL_DONE, failed=(BAD,))) if advice in one)
    assert f"`tui-balancer explain {ALL_DONE.output} FILE` says it" in line
    assert f"`tui-balancer resume {ALL_DONE.output} --retry-failed`" in line
    assert not any(advice in one for one in summary_lines(ALL_DONE))


def test_skipped_files_are_counted_and_named_apart_from_failed_ones() -> None:
    skipped = FailedFile("later.faa", "skipped by hand", by_hand=True)
    lines = summary_lines(replace(ALL_DONE, failed=(BAD,), skips=(skipped,)))
    assert f"{ALL_DONE.done:,} of {ALL_DONE.done + 2:,} files done" in lines[0]
    assert "1 file failed:" in lines
    assert "1 file skipped by hand:" in lines
    assert "  later.faa" in lines


def test_sequences_that_are_missing_from_finished_outputs_are_counted() -> None:
    lines = summary_lines(replace(ALL_DONE, missing=2))
    assert any(line.startswith("2 sequences did not fit into memory") for line in lines)
    assert not any("memory" in line for line in summary_lines(ALL_DONE))


def test_an_early_end_says_why_and_what_to_do() -> None:
    lines = summary_lines(replace(ALL_DONE, waiting=2, stop_reason="every device is dead"))
    assert "ended early: every device is dead" in lines
    assert f"2 files still waiting: `tui-balancer resume {ALL_DONE.output}` continues" in lines


def test_the_summary_says_how_long_the_start_took() -> None:
    lines = summary_lines(replace(ALL_DONE, first_batch_seconds=2.34))
    assert "start    first batch 2.3s after the command" in lines
    assert not any(line.startswith("start") for line in summary_lines(ALL_DONE))


def test_every_device_has_a_line_with_what_it_did() -> None:
    lines = summary_lines(ALL_DONE)
    for device in ALL_DONE.devices:
        (line,) = (line for line in lines if line.startswith(device.device))
        assert f"stole {device.stolen_to}, gave {device.stolen_from}" in line


def test_a_device_that_nobody_saw_busy_has_no_share_of_the_time() -> None:
    quick = replace(ALL_DONE.devices[0], files=3, busy_seconds=0.0)
    lines = summary_lines(replace(ALL_DONE, devices=(quick,)))
    assert any(line.startswith(quick.device) and "busy –" in line for line in lines)
    idle = replace(quick, files=0)
    assert any("busy 0%" in line for line in summary_lines(replace(ALL_DONE, devices=(idle,))))
