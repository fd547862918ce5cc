"""The clock that runs while a batch is in flight."""

from __future__ import annotations

import pytest

from tui_balancer.workers.process.busy import BusyClock


class Hands:
    """A clock turned by hand."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_only_the_time_inside_counts_and_the_batch_in_flight_counts_too() -> None:
    hands = Hands()
    busy = BusyClock(hands)
    hands.now += 5
    assert busy.seconds() == 0
    with busy.running():
        hands.now += 2
        assert busy.seconds() == 2
    hands.now += 7
    assert busy.seconds() == 2
    with busy.running():
        hands.now += 1
    assert busy.seconds() == 3


def test_a_batch_that_fails_has_still_been_in_flight() -> None:
    hands = Hands()
    busy = BusyClock(hands)

    def fail_after(seconds: float) -> None:
        with busy.running():
            hands.now += seconds
            raise ValueError("a batch")

    with pytest.raises(ValueError, match="a batch"):
        fail_after(4)
    hands.now += 4

    assert busy.seconds() == 4
