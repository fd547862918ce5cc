"""The policies: when a file moves, whose, and which."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.balance import units
from tui_balancer.scheduler.model import CountSettings, TimeSettings
from tui_balancer.scheduler.policy.stealing import (
    CountPolicy,
    Thief,
    TimePolicy,
    Victim,
    decide_free,
)
from tui_balancer.scheduler.state.queues import WorkQueue


def queue_of(*costs: float) -> WorkQueue:
    queue = WorkQueue()
    for one in units(*costs):
        queue.append(one)
    return queue


def victim(
    device: str, *costs: float, rate: float | None = 1.0, running: float = 0.0, free: str = ""
) -> Victim:
    queue = queue_of(*costs)
    remaining = (running + queue.cost) / rate if rate else None
    return Victim(device, queue, rate, remaining, free)


@pytest.mark.parametrize(
    ("longest", "own", "ratio", "difference", "minimum", "steals"),
    [
        (3, 0, 2.0, 3, 3, True),
        (2, 0, 2.0, 3, 3, False),  # below the minimum, however far ahead
        (4, 2, 2.0, 3, 3, False),  # twice is not more than twice, and two ahead is not three
        (5, 2, 2.0, 3, 3, True),
        (7, 3, 2.0, 9, 3, True),  # by ratio alone
        (9, 6, 2.0, 3, 3, True),  # by difference alone
        (8, 6, 2.0, 3, 3, False),
        (5, 0, 2.0, 3, 6, False),
        (2, 0, 2.0, 3, 1, True),
    ],
)
def test_count_steals_by_the_specifications_rule(
    longest: int, own: int, ratio: float, difference: int, minimum: int, steals: bool
) -> None:
    policy = CountPolicy(CountSettings(ratio, difference, minimum))
    decision = policy.decide(Thief("cuda:9", None, own), [victim("cuda:0", *[1.0] * longest)])
    assert (decision is not None) == steals


def test_count_takes_the_last_file_of_the_longest_queue() -> None:
    decision = CountPolicy(CountSettings()).decide(
        Thief("cuda:9", None), [victim("cuda:0", 9, 9, 9), victim("cuda:1", 4, 3, 2, 1)]
    )
    assert decision is not None
    assert (decision.victim, decision.unit.unit_id) == ("cuda:1", 3)
    assert decision.reason == "4 files against 0"
    assert decision.finish_with is None


def test_count_goes_round_among_equally_long_victims() -> None:
    policy = CountPolicy(CountSettings())
    victims = [victim(f"cuda:{index}", 1, 1, 1) for index in range(3)]
    decisions = [policy.decide(Thief("cuda:9", None), victims) for _ in range(4)]
    assert [one and one.victim for one in decisions] == ["cuda:0", "cuda:1", "cuda:2", "cuda:0"]


def test_count_has_nothing_to_take_where_nothing_waits() -> None:
    assert CountPolicy(CountSettings()).decide(Thief("cuda:9", None), []) is None


RATES = st.sampled_from([0.1, 0.5, 1.0, 3.0])


@given(
    costs=st.lists(st.integers(1, 30), min_size=1, max_size=12),
    running=st.integers(0, 30),
    victim_rate=RATES,
    thief_rate=RATES,
    gain=st.sampled_from([0.0, 0.5, 1.0, 10.0]),
)
def test_time_takes_the_file_that_brings_the_end_nearest(
    costs: list[int], running: int, victim_rate: float, thief_rate: float, gain: float
) -> None:
    one = victim("cuda:0", *map(float, costs), rate=victim_rate, running=running)
    remaining = one.remaining_seconds
    assert remaining is not None

    def finish(moved: float) -> float:
        return max(remaining - moved / victim_rate, moved / thief_rate)

    decision = TimePolicy(TimeSettings(gain)).decide(Thief("cuda:9", thief_rate), [one])
    best = min(finish(file.cost) for file in one.queue)
    meeting = remaining / (1 / victim_rate + 1 / thief_rate)
    shares = {best}
    for file in one.queue:
        if finish(file.cost) == best and file.cost <= meeting / 2:
            alike = sum(other.cost <= meeting for other in one.queue)
            shares.add(finish(min(meeting // file.cost, alike) * file.cost))
    if decision is None:
        assert min(remaining - share for share in shares) < max(gain, 1e-12)
    else:
        assert finish(decision.unit.cost) == best
        assert decision.finish_without == remaining
        assert decision.finish_with in shares
        assert remaining - decision.finish_with >= gain


def test_time_shares_a_long_queue_of_files_that_gain_little_each() -> None:
    many = victim("cuda:0", *[0.5] * 100)
    decision = TimePolicy(TimeSettings(1.0)).decide(Thief("cuda:9", 1.0), [many])
    assert decision is not None
    assert decision.unit.cost == 0.5
    assert (decision.finish_without, decision.finish_with) == (50.0, 25.0)


def test_time_asks_the_victim_that_needs_longest_first() -> None:
    decision = TimePolicy(TimeSettings(1.0)).decide(
        Thief("cuda:9", 1.0), [victim("cuda:1", 30, 30), victim("cuda:0", 20, 20, 5)]
    )
    assert decision is not None
    assert (decision.victim, decision.unit.cost) == ("cuda:1", 30)
    assert decision.reason == "30 s sooner"


def test_time_goes_to_the_next_victim_when_the_first_has_nothing_that_pays() -> None:
    # The first one's only file would take the slow thief longer than everything there is.
    decision = TimePolicy(TimeSettings(1.0)).decide(
        Thief("cuda:9", 0.1), [victim("cuda:0", 100, running=1), victim("cuda:1", 40, 2, 2)]
    )
    assert decision is not None
    assert decision.victim == "cuda:1"
    assert decision.unit.cost == 2


def test_time_leaves_everything_where_it_is_before_any_rate_is_known() -> None:
    policy = TimePolicy(TimeSettings(0.0))
    assert policy.decide(Thief("cuda:9", None), [victim("cuda:0", 5, 5)]) is None
    assert policy.decide(Thief("cuda:9", 1.0), [victim("cuda:0", 5, 5, rate=None)]) is None


def test_a_free_queue_gives_its_largest_file_that_ends_within_the_run() -> None:
    free = victim("cuda:0", 50, 9, 3, rate=None, free="cuda:0 is dead")
    decision = decide_free(Thief("cuda:9", 1.0), [free], horizon_seconds=10)
    assert decision is not None
    assert (decision.unit.cost, decision.reason) == (9, "cuda:0 is dead")


def test_a_free_queue_gives_its_smallest_file_when_all_are_too_large() -> None:
    free = victim("cuda:0", 50, 90, 30, rate=None, free="cuda:0 is paused")
    decision = decide_free(Thief("cuda:9", 1.0), [free], horizon_seconds=10)
    assert decision is not None
    assert decision.unit.cost == 30


def test_a_free_queue_gives_its_next_file_before_any_rate_is_known() -> None:
    free = victim("cuda:0", 50, 90, rate=None, free="cuda:0 is paused")
    other = victim("cuda:1", 1, rate=None, free="cuda:1 is paused")
    decision = decide_free(Thief("cuda:9", None), [other, free], None)
    assert decision is not None
    assert (decision.victim, decision.unit.cost) == ("cuda:0", 50)


def test_without_a_free_queue_nothing_is_free() -> None:
    assert decide_free(Thief("cuda:9", 1.0), [], 10) is None
