"""What the terminal's window and the desktop are told."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.support.pictures import BROKEN, DISK_FULL, FINISHED, PAUSED, RUNNING, SCANNING, SUMMARY
from tui_balancer.ui.messages import Picture
from tui_balancer.ui.notifications import Notifications, title_of
from tui_balancer.view.handle import RunSnapshot


@pytest.mark.parametrize(
    ("snapshot", "title"),
    [
        (SCANNING, "scanning | tui-balancer"),
        (RUNNING, "76% ~5m | tui-balancer"),
        (PAUSED, "76% paused | tui-balancer"),
        (FINISHED, "finished | tui-balancer"),
    ],
)
def test_the_title_says_how_far_and_how_long_still(snapshot: RunSnapshot, title: str) -> None:
    assert title_of(snapshot) == title


def test_a_title_is_written_once() -> None:
    bulletin = Notifications()
    titles = [bulletin.of(Picture(one))[0] for one in (RUNNING, RUNNING, PAUSED)]
    assert titles == ["76% ~5m | tui-balancer", "", "76% paused | tui-balancer"]


def news_of(*pictures: Picture) -> list[str]:
    bulletin = Notifications()
    return [bulletin.of(picture)[1] for picture in pictures]


def test_a_death_and_the_first_failure_are_news_once() -> None:
    more = replace(BROKEN, totals=replace(BROKEN.totals, failed=4))
    news = news_of(Picture(RUNNING), Picture(BROKEN), Picture(more))
    told = "tui-balancer: cuda:1 is dead: CUDA out of memory, three times; 3 failed"
    assert news == ["", told, ""]


def test_a_full_disk_and_the_end_are_news() -> None:
    end = Picture(FINISHED, summary=SUMMARY)
    news = news_of(Picture(RUNNING), Picture(DISK_FULL), end)
    assert news[1] == f"tui-balancer: {DISK_FULL.trouble}"
    assert news[2] == "tui-balancer: 1,201 files done in 17m 46s, 3 failed"


def test_what_was_so_when_the_screen_was_opened_is_no_news() -> None:
    assert news_of(Picture(BROKEN), Picture(BROKEN)) == ["", ""]
