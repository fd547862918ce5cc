"""The stealing policies: when to move a waiting file, which, and from where.

Policies are pure: they get queues and return a decision, which the coordinator executes. Times
are estimates in seconds from now, rates are FLOP/s.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct

from tui_balancer.scheduler.model import CountSettings, PolicySettings, TimeSettings, Unit
from tui_balancer.scheduler.policy.rule_settings import sooner
from tui_balancer.scheduler.state.cost_index import CostIndex
from tui_balancer.scheduler.state.queues import WorkQueue


class ModelPace(Struct, frozen=True, gc=False):
    """How fast a device computes a model, and how soon.

    Attributes:
        rate: FLOP/s.
        start: Seconds that it takes to load the model; 0 for the one that it has.
    """

    rate: float
    start: float = 0.0

    def seconds(self, cost: float) -> float:
        """Return the seconds until so many FLOPs are done."""
        return self.start + cost / self.rate


class Thief(Struct, frozen=True, gc=False):
    """An idle device.

    Attributes:
        rate: Known or estimated FLOP/s; None before any measurement.
        queued: Units in its own queue.
        models: What it may take, each model's place with its FLOP/s and the seconds until it is
            loaded; the one that it has comes first. None in a run with one model.
    """

    device: str
    rate: float | None
    queued: int = 0
    models: Mapping[int, ModelPace] | None = None

    def paces(self) -> Mapping[int, ModelPace]:
        """Return `models`, also of a run with one; none before any measurement."""
        if self.models is not None:
            return self.models
        return {0: ModelPace(self.rate)} if self.rate is not None else {}


class Victim(Struct, frozen=True, gc=False):
    """A device with a queue that may be stolen from.

    Attributes:
        queue: Its waiting units; never empty.
        rate: FLOP/s; None before any measurement.
        remaining_seconds: Seconds for its running unit and its queue; None as above.
        free: Why any device may take its units regardless of the threshold (`cuda:1 is paused`);
            empty for an active device.
        models: As for a thief, of all models that wait for it and the one that may be handed over.
    """

    device: str
    queue: WorkQueue
    rate: float | None
    remaining_seconds: float | None
    free: str = ""
    models: Mapping[int, ModelPace] | None = None

    def pace(self, model: int) -> ModelPace | None:
        """Return how it computes a model; None before any measurement."""
        if self.models is not None:
            return self.models.get(model)
        return ModelPace(self.rate) if self.rate is not None else None


class StealDecision(Struct, frozen=True, gc=False):
    """A unit to move from one queue to another, with the reason.

    Attributes:
        reason: Text for the log.
        finish_without: Estimated seconds until the pair is finished if nothing moves.
        finish_with: The same with the steal. Both None if the policy does not estimate.
    """

    victim: str
    thief: str
    unit: Unit
    reason: str
    finish_without: float | None = None
    finish_with: float | None = None


class CountPolicy:
    """The specification's rule, on queue lengths alone.

    The longest queue gives up its last file if it has at least `minimum` files and is
    longer than `ratio` times the shortest, or longer by at least `difference`. The shortest
    queue is the thief's own. Equally long victims take turns.
    """

    def __init__(self, settings: CountSettings) -> None:
        self.settings = settings
        self._last_victim = ""

    def decide(self, thief: Thief, victims: Iterable[Victim]) -> StealDecision | None:
        """Return the thief's steal, or None; `victims` are in device order."""
        candidates = list(victims)
        longest = max((len(victim.queue) for victim in candidates), default=0)
        if not self._imbalanced(longest, thief.queued):
            return None
        victim = self._next_in_turn([one for one in candidates if len(one.queue) == longest])
        own = next(iter(thief.models or ()), None)
        last = victim.queue.last_of(own) if own in victim.queue.by_model else victim.queue.tail()
        return StealDecision(
            victim.device, thief.device, last, f"{longest} files against {thief.queued}"
        )

    def _imbalanced(self, longest: int, shortest: int) -> bool:
        rule = self.settings
        return longest >= rule.minimum and (
            longest > rule.ratio * shortest or longest - shortest >= rule.difference
        )

    def _next_in_turn(self, equals: Sequence[Victim]) -> Victim:
        devices = [victim.device for victim in equals]
        after_last = 0
        if self._last_victim in devices:
            after_last = (devices.index(self._last_victim) + 1) % len(devices)
        self._last_victim = devices[after_last]
        return equals[after_last]


class TimePolicy:
    """Move the file with the earliest finish of victim and thief.

    If the thief takes a file of f FLOPs from a victim that needs rem_v more seconds, the pair
    is finished after max(rem_v - f/rate_v, f/rate_t). The first term falls with f and the
    second grows, so the best file lies next to where they meet, at
    f = rem_v / (1/rate_v + 1/rate_t): two neighbours in a queue searched by cost. Where that
    file is small against f, the thief will come again for others like it, and the gain is
    that of all of them: a thousand files of half a second are worth sharing, although none
    gains a second by itself. The first victim, longest remaining time first, where the gain
    against rem_v is at least the threshold gives up the file.

    The same estimates keep a device from starting a large file late: what it could finish
    only after the even end of the run is left, or handed, to a faster one.
    """

    def __init__(self, settings: TimeSettings) -> None:
        self.settings = settings

    def decide(self, thief: Thief, victims: Iterable[Victim]) -> StealDecision | None:
        """Return the thief's steal, or None.

        Args:
            victims: Devices by descending remaining time, or nearly so.
        """
        paces = thief.paces()
        if not paces:
            return None
        for victim in victims:
            remaining = victim.remaining_seconds
            if remaining is None or victim.rate is None or remaining < self.settings.gain_seconds:
                continue
            finish = math.inf
            unit: Unit | None = None
            for model, pace in paces.items():
                if model in victim.queue.by_model and (its := victim.pace(model)):
                    waiting = victim.queue.index(model)
                    offer = best_to_steal(waiting, remaining, its.rate, pace.rate, pace.start)
                    if offer[0] < finish:
                        finish, unit = offer
            if unit is not None and self._pays(remaining, finish):
                return _sooner(victim.device, thief.device, unit, remaining, finish)
        return None

    def choose_own(self, queue: WorkQueue, pace: ModelPace, even_end: float) -> Unit:
        """Return the unit of its own queue that a device should start.

        The head, unless the device would finish it only after the even end of the run: then the
        largest that ends by then, or else the smallest.

        Args:
            queue: The device's own queue, not empty.
            pace: Of the device, for the model of the head; others of its queue are not chosen.
            even_end: Seconds to the end of the run if all work were divided evenly.
        """
        head = queue.head()
        if pace.seconds(head.cost) <= even_end:
            return head
        fitting, above = queue.around((even_end - pace.start) * pace.rate, head.model)
        unit = fitting or above
        assert unit is not None, "a device chooses from a queue that is not empty"
        return unit

    def decide_hand_over(
        self, unit: Unit, device: str, pace: ModelPace, others: Iterable[Victim], fastest: float
    ) -> StealDecision | None:
        """Return the device that should get a unit instead of this one, or None.

        Args:
            pace: Its, for the unit's model.
            others: Active devices, the first to finish first; one of them takes the unit at the end
                of its queue.
            fastest: Maximum FLOP/s of them, to skip those that finish late.
        """
        alone = pace.seconds(unit.cost)
        finish, target = alone, ""
        for other in others:
            its = other.pace(unit.model)
            if its is None or other.remaining_seconds is None:
                continue
            if other.remaining_seconds + unit.cost / fastest >= finish:
                break
            finish, target = min(
                (finish, target), (other.remaining_seconds + its.seconds(unit.cost), other.device)
            )
        return _sooner(device, target, unit, alone, finish) if self._pays(alone, finish) else None

    def _pays(self, without: float, finish: float) -> bool:
        gain = without - finish
        return gain > 0 and gain >= self.settings.gain_seconds


Policy = CountPolicy | TimePolicy


def make_policy(settings: PolicySettings) -> Policy:
    """Return the policy that follows these settings."""
    if isinstance(settings, CountSettings):
        return CountPolicy(settings)
    return TimePolicy(settings)


def decide_free(
    thief: Thief, victims: Iterable[Victim], horizon_seconds: float | None
) -> StealDecision | None:
    """Select from the queues of paused and dead devices, regardless of the threshold.

    The costliest queue gives its largest file that the thief can finish by the even end of the
    whole run: large files early, but none that makes a slow thief the last one. If all are
    larger than that, it gives the smallest.

    Args:
        victims: Devices that are paused or dead.
        horizon_seconds: Seconds to the even end; None before any measurement.
    """
    victim = max(victims, key=lambda one: one.queue.cost, default=None)
    if victim is None:
        return None
    paces = thief.paces()
    model = next((one for one in paces if one in victim.queue.by_model), None)
    if model is None or horizon_seconds is None:
        return StealDecision(victim.device, thief.device, victim.queue.head(), victim.free)
    room = (horizon_seconds - paces[model].start) * paces[model].rate
    fitting, above = victim.queue.around(room, model)
    unit = fitting or above
    assert unit is not None, "a victim's queue is not empty"
    return StealDecision(victim.device, thief.device, unit, victim.free)


def _sooner(source: str, target: str, unit: Unit, without: float, finish: float) -> StealDecision:
    return StealDecision(source, target, unit, sooner(without - finish), without, finish)


def best_to_steal(
    waiting: CostIndex,
    remaining: float,
    victim_rate: float,
    thief_rate: float,
    start: float = 0.0,
) -> tuple[float, Unit]:
    """Return the seconds until the pair finishes with sharing, and the first unit to move.

    Args:
        waiting: The victim's waiting units of one model, not empty.
        remaining: Seconds until the victim finishes all its work.
        victim_rate: FLOP/s of the victim with that model.
        thief_rate: FLOP/s of the thief.
        start: Seconds until the thief has the model.
    """
    meeting = max(0.0, remaining - start) / (1 / victim_rate + 1 / thief_rate)
    units, costs, count = waiting.units, waiting.costs, waiting.count_up_to(meeting)
    # Below the intersection the victim ends last, above it the thief.
    with_above = start + costs[count] / thief_rate if count < len(costs) else math.inf
    if not count:
        return with_above, units[0]
    below = costs[count - 1]
    # With units without a cost the thief ends last.
    with_below = (
        start + below / thief_rate if start >= remaining else remaining - below / victim_rate
    )
    if with_above < with_below:
        return with_above, units[count]
    if not 0 < below <= meeting / 2:
        return with_below, units[count - 1]
    alike = min(int(meeting // below), count)
    return remaining - alike * below / victim_rate, units[count - 1]
