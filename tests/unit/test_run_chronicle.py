"""Efficiency and idle time, from what happened."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.support import pictures
from tests.support.balance import units
from tui_balancer.balance.events import DoneEvent, LeaseEvent
from tui_balancer.run.chronicle import Chronicle
from tui_balancer.run.report import summary_lines


def chronicle() -> Chronicle:
    """30 and 10 FLOPs at 1 FLOP/s each, begun after 100 seconds of loading."""
    told = Chronicle()
    told.expect(tuple(units(30.0, 10.0)))
    told.note(LeaseEvent(1, 100.0, 0, "a", "cuda:0", 1))
    told.note(LeaseEvent(2, 100.0, 1, "b", "cuda:1", 1))
    told.note(DoneEvent(3, 110.0, 1, "b", "cuda:1", 1, 10.0))
    told.note(DoneEvent(4, 130.0, 0, "a", "cuda:0", 1, 30.0))
    return told


def test_the_bound_shares_the_work_evenly_and_leaves_loading_aside() -> None:
    assert chronicle().efficiency() == pytest.approx(20 / 30)


def test_a_device_is_idle_while_another_one_still_works() -> None:
    told = chronicle()
    assert [told.idle_seconds(device) for device in ("cuda:0", "cuda:1", "cuda:2")] == [0, 20, 30]


def test_where_nothing_was_done_nothing_is_claimed() -> None:
    assert Chronicle().efficiency() is None
    assert Chronicle().idle_seconds("cuda:0") is None


def test_the_end_says_how_close_to_the_bound_the_run_came() -> None:
    device = replace(pictures.SUMMARY.devices[0], idle_seconds=20.0)
    lines = summary_lines(replace(pictures.SUMMARY, efficiency=0.94, devices=(device,)))
    assert any(line.startswith("balance") and "94% of the bound" in line for line in lines)
    assert any(line.startswith(device.device) and "idle 20s" in line for line in lines)
