"""Decides whether splitting a running unit pays, and where to cut, from estimates.

Times are estimates in seconds from now, rates FLOP/s.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf

from tui_balancer.leases import Spans
from tui_balancer.scheduler.policy.stealing import ModelPace
from tui_balancer.scheduler.splitting.batches import BatchPlan, batches, without_tail

HAND_OVER_SECONDS = 0.5
"""What a part costs on top of its batches: the file is read once more, and the worker that merges
the parts reads the vectors of the others."""

OVERDUE = 3.0
"""Multiple of the expected time after which a batch counts as held up."""

OVERDUE_SECONDS = 5.0
"""Minimum seconds for that: a hiccup of a second does not justify a copy."""


@dataclass(frozen=True, slots=True)
class Cut:
    """A cut of a lease, and its gain.

    Attributes:
        front: Batches that stay with the victim.
        back: Batches that the thief gets.
        finish_without: Estimated seconds until the lease is finished by the victim alone; None
            where that is not asked.
        finish_with: Until both parts are finished; inf likewise.
        front_finish: Until the victim has finished its part; None likewise.
    """

    front: Spans
    back: Spans
    finish_without: float | None = None
    finish_with: float = inf
    front_finish: float | None = None

    @property
    def gain(self) -> float:
        """Seconds by which the end comes sooner."""
        return (self.finish_without or 0.0) - self.finish_with


def best_cut(
    plan: BatchPlan,
    todo: Spans,
    *,
    in_flight: bool,
    remaining: float,
    victim_rate: float,
    thief: ModelPace,
) -> Cut | None:
    """Return the cut after which both are finished soonest; None where there is none.

    With c FLOPs moved that is at max(remaining - c/rate_v, hand-over + c/rate_t). The first
    term falls with c and the second grows, so the best cut is one of the two batch boundaries
    around the c at which they meet. The batch in flight stays where it is.

    Args:
        todo: Batches of the victim that it has not reported.
        in_flight: Whether it computes the first of them at this moment.
        remaining: Seconds that the victim needs for them.
        victim_rate: FLOP/s of the victim.
        thief: How the other device computes the unit's model, and how soon.
    """
    most = batches(todo) - in_flight
    start = HAND_OVER_SECONDS + thief.start
    meeting = (remaining - start) / (1 / victim_rate + 1 / thief.rate)
    if most < 1 or meeting <= 0:
        return None
    near = plan.tail_up_to(todo, meeting)
    cuts = []
    for count in {min(max(near, 1), most), min(near + 1, most)}:
        front, back = without_tail(todo, count)
        cost = plan.cost(back)
        own = remaining - cost / victim_rate
        cuts.append(Cut(front, back, remaining, max(own, part_seconds(cost, thief)), own))
    return min(cuts, key=lambda cut: cut.finish_with)


def all_but_in_flight(todo: Spans, *, in_flight: bool) -> Cut:
    """Return the cut that leaves a victim only its batch in flight."""
    front, back = without_tail(todo, batches(todo) - in_flight)
    return Cut(front, back)


def part_seconds(cost: float, pace: ModelPace) -> float:
    """Return the seconds that a device needs for a part of this many FLOPs."""
    return HAND_OVER_SECONDS + pace.seconds(cost)


def overdue_at(since: float, seconds: float) -> float:
    """Return the moment from which a batch counts as held up.

    Args:
        seconds: Expected duration.
    """
    return since + max(OVERDUE * seconds, OVERDUE_SECONDS)
