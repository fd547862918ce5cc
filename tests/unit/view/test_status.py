"""A run in brief."""

from __future__ import annotations

from dataclasses import replace
from math import inf

import pytest

from tests.support.pictures import BROKEN, DISK_FULL, FINISHED, PREPARING, RUNNING, SCANNING
from tui_balancer.view.handle import RunSnapshot
from tui_balancer.view.status import status_lines, status_of


@pytest.mark.parametrize(
    ("snapshot", "line"),
    [
        (RUNNING, "running  1,023/1,204 files  776 seq/s  224k res/s  ~5m 12s left"),
        (SCANNING, "scanning 371/1,204 files, 95,400 sequences"),
        (PREPARING, "preparing  0/0 files  – seq/s  – res/s  – left"),
        (
            DISK_FULL,
            "HELD: no space left in results/virome: 120 MiB free, 400 MiB needed  "
            "1,023/1,204 files  776 seq/s  224k res/s  – left",
        ),
        (BROKEN, "running  1,020/1,204 files  3 failed  776 seq/s  224k res/s  ~5m 12s left"),
    ],
)
def test_a_line_says_how_far_the_run_is(snapshot: RunSnapshot, line: str) -> None:
    assert status_lines(status_of(replace(snapshot, devices=()))) == (line,)


def test_a_device_has_a_line_with_its_file_and_why_it_is_dead() -> None:
    _, busy, dead, paused, idle = status_lines(status_of(BROKEN))
    assert busy.startswith("cuda:0   busy  marine_virome/contigs_0096.faa 45%  42 queued")
    assert dead.startswith("cuda:1   dead  6 queued")
    assert dead.endswith("  CUDA out of memory, three times")
    assert paused.startswith("cuda:2   paused  131 queued  158 done")
    assert idle == "cuda:3   idle  0 queued  202 done  – res/s  ~0s left"


def test_an_ended_run_is_finished() -> None:
    assert status_lines(status_of(FINISHED))[0].startswith("finished  1,201/1,204 files  3 failed")


def test_an_endless_estimate_is_none() -> None:
    endless = replace(RUNNING, eta_seconds=inf)
    assert status_of(endless).eta_seconds is None
