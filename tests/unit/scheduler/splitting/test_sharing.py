"""When and how an idle device joins another one in a running unit."""

from __future__ import annotations

import pytest

from tests.support.balance import Clock, unit
from tui_balancer.leases import Directive, Progress, Share
from tui_balancer.scheduler.commands import Drain, PauseDevice, ResumeDevice, SplitUnit
from tui_balancer.scheduler.coordinator import WorkStealingCoordinator
from tui_balancer.scheduler.events import Event, PartEvent, ReturnEvent, SplitEvent
from tui_balancer.scheduler.model import DeviceSpec, Lease, TimeSettings

BATCHES = 10


class Shop:
    """Devices of given rates, and one file of ten batches of one second at rate 1."""

    def __init__(
        self, *rates: float, splitting: bool = True, gain: float = 1.0, batches: int = BATCHES
    ) -> None:
        self.clock = Clock()
        self.journal: list[Event] = []
        self.batches = batches
        self.coordinator = WorkStealingCoordinator(
            [DeviceSpec(f"cuda:{n}", "card", rate, rate) for n, rate in enumerate(rates)],
            policy=TimeSettings(gain),
            splitting=splitting,
            clock=self.clock,
            sink=self.journal.append,
        )
        for number in range(len(rates)):
            self.coordinator.worker_starting(f"cuda:{number}")
            self.coordinator.worker_ready(f"cuda:{number}", 1)
        self.coordinator.assign([unit(0, float(batches))])
        # The largest file starts on the fastest device.
        self.first = self.must_take(f"cuda:{rates.index(max(rates))}")
        self.coordinator.learn_batches(self.first.device, 1, 0, 1, [1.0] * batches)

    def take(self, device: str) -> Lease | None:
        return self.coordinator.take(device, 1)

    def must_take(self, device: str) -> Lease:
        lease = self.take(device)
        assert lease is not None
        return lease

    def report(self, lease: Lease, done: int, batch: int) -> Directive:
        self.clock.now += 1.0
        return self.coordinator.report_progress(
            lease.device, 1, 0, lease.epoch, Progress(done, done, float(done)), batch
        )

    def share(self, lease: Lease) -> Share | None:
        return self.coordinator.share(lease.device, 1, 0, lease.epoch)

    def end_part(self, lease: Lease) -> Directive:
        return self.coordinator.finish_part(lease.device, 1, 0, lease.epoch, 1.0)

    def finish(self, lease: Lease) -> bool:
        claimed = self.coordinator.begin_completion(lease.device, 1, 0, lease.epoch)
        return claimed and self.coordinator.record_file_completion(0, lease.epoch, 1.0)

    def splits(self) -> list[SplitEvent]:
        return [event for event in self.journal if isinstance(event, SplitEvent)]


def test_an_idle_device_takes_the_back_in_proportion_to_its_speed() -> None:
    shop = Shop(3.0, 1.0, batches=41)
    part = shop.must_take("cuda:1")
    # (41/3 - 0.5) / (1/3 + 1) = 9.9 seconds of work for the slower one.
    assert part.spans == ((31, 41),)
    (split,) = shop.splits()
    assert (split.source, split.target, split.batches, split.of) == ("cuda:0", "cuda:1", 10, 41)
    assert split.reason == "3.2 s sooner"
    assert split.source_ends == pytest.approx((41 / 3, 31 / 3))
    assert split.target_ends == pytest.approx((0.0, 0.5 + 10))
    assert shop.report(shop.first, 1, 0) is Directive.RESHARE
    assert shop.share(shop.first) == Share(((1, 31),), 2)
    assert shop.report(shop.first, 2, 1) is Directive.CONTINUE


def test_whoever_ends_last_brings_the_file_together() -> None:
    shop = Shop(1.0, 1.0, batches=4)
    part = shop.must_take("cuda:1")
    assert part.spans == ((2, 4),)
    shop.report(part, 1, 2)
    assert shop.report(part, 2, 3) is Directive.CONTINUE
    assert shop.end_part(part) is Directive.RELEASE
    assert shop.report(part, 2, 3) is Directive.ABANDON
    assert shop.report(shop.first, 1, 0) is Directive.RESHARE
    assert shop.share(shop.first) == Share(((1, 2),), 2)
    assert shop.report(shop.first, 2, 1) is Directive.CONTINUE
    assert shop.end_part(shop.first) is Directive.RESHARE
    assert shop.share(shop.first) == Share(None, 2)
    assert shop.finish(shop.first)
    totals = shop.coordinator.totals()
    assert (totals.done, totals.cost_done) == (1, totals.cost)
    (event,) = [event for event in shop.journal if isinstance(event, PartEvent)]
    assert (event.device, event.cost, event.reason) == ("cuda:1", 2.0, "")


def test_a_split_that_gains_less_than_the_threshold_is_left() -> None:
    assert Shop(1.0, 1.0, gain=5.0).take("cuda:1") is None
    assert Shop(1.0, 1.0, gain=4.0).take("cuda:1") is not None


def test_nothing_is_split_when_that_is_off_or_the_run_ends() -> None:
    assert Shop(1.0, 1.0, splitting=False).take("cuda:1") is None
    shop = Shop(1.0, 1.0)
    shop.coordinator.execute(Drain())
    assert shop.take("cuda:1") is None


def test_a_whole_file_of_a_slow_device_is_copied_where_that_ends_it_sooner() -> None:
    shop = Shop(4.0, 3.0, splitting=False)
    # 2.5 s on the first device; a copy would take 0.5 s more than ten batches at rate 3.
    assert shop.take("cuda:1") is None
    for batch in range(3):
        shop.clock.now += 3.0
        shop.report(shop.first, batch + 1, batch)
    copy = shop.must_take("cuda:1")
    (event,) = shop.splits()
    assert event.copy
    assert (event.batches, event.of) == (7, BATCHES)
    assert event.finish_with is not None
    assert event.finish_without is not None
    assert event.finish_without - event.finish_with > 1.0
    for batch in range(3, BATCHES):
        shop.report(copy, batch - 2, batch)
    assert shop.end_part(copy) is Directive.RESHARE
    assert shop.finish(copy)
    assert shop.report(shop.first, 4, 3) is Directive.ABANDON


def test_the_batch_in_flight_is_never_taken() -> None:
    shop = Shop(1.0, 1.0, gain=0.0, batches=2)
    assert shop.report(shop.first, 1, 0) is Directive.CONTINUE
    assert shop.take("cuda:1") is None


def test_a_part_is_divided_again() -> None:
    shop = Shop(1.0, 1.0, 1.0, batches=40)
    shop.must_take("cuda:1")
    shop.must_take("cuda:2")
    spans = [event.batches for event in shop.splits()]
    assert spans == [20, 10]


def test_a_paused_device_leaves_all_but_its_batch_in_flight() -> None:
    shop = Shop(1.0, 1.0)
    shop.coordinator.execute(PauseDevice("cuda:0"))
    assert shop.must_take("cuda:1").spans == ((1, 10),)
    assert shop.splits()[0].reason == "cuda:0 is paused"


def test_a_device_held_between_two_batches_gives_up_its_file() -> None:
    shop = Shop(1.0, 1.0)
    shop.coordinator.execute(PauseDevice("cuda:0"))
    assert shop.report(shop.first, 1, 0) is Directive.PAUSE
    part = shop.must_take("cuda:1")
    assert part.spans == ((1, 10),)
    shop.coordinator.execute(ResumeDevice("cuda:0"))
    assert shop.coordinator.wait_while_paused("cuda:0", 1, 0.0) is Directive.ABANDON
    for batch in range(1, 10):
        shop.report(part, batch, batch)
    assert shop.end_part(part) is Directive.RESHARE
    assert shop.share(part) == Share(None, 2)
    assert shop.finish(part)


def test_what_a_lost_part_leaves_goes_to_the_other_one() -> None:
    shop = Shop(1.0, 1.0)
    part = shop.must_take("cuda:1")
    assert part.spans == ((5, 10),)
    shop.report(part, 1, 5)
    shop.coordinator.worker_died("cuda:1", 1, "signal 9")
    assert any(isinstance(event, ReturnEvent) for event in shop.journal)
    assert shop.report(shop.first, 1, 0) is Directive.RESHARE
    assert shop.share(shop.first) == Share(((1, 5), (6, 10)), 2)


def test_a_device_joins_by_hand_whatever_the_policy_says() -> None:
    shop = Shop(1.0, 1.0, splitting=False)
    assert shop.coordinator.execute(SplitUnit(0, "cuda:1")).accepted
    assert shop.must_take("cuda:1").spans == ((5, 10),)
    assert shop.splits()[0].reason == "by hand"
    refusals = {
        shop.coordinator.execute(SplitUnit(number, device)).message
        for number, device in ((0, "cuda:0"), (0, "cuda:1"), (5, "cuda:1"))
    }
    assert refusals == {
        "cuda:0 already works on virus_0.faa",
        "cuda:1 already works on virus_0.faa",
        "file 5 is unknown: only running ones are split",
    }


def test_a_batch_that_is_held_up_is_begun_again_elsewhere_and_the_first_one_counts() -> None:
    shop = Shop(1.0, 1.0, batches=2)
    shop.report(shop.first, 1, 0)
    assert shop.take("cuda:1") is None
    # A batch of one second is held up after five.
    assert shop.coordinator.next_check("cuda:1") == 6.0
    shop.clock.now = 7.0
    copy = shop.must_take("cuda:1")
    assert copy.spans == ((1, 2),)
    (split,) = shop.splits()
    assert split.copy
    assert split.source_ends is None, "nobody knows how long it is held up"
    assert split.target_ends == pytest.approx((0.0, 1.5))
    assert shop.report(copy, 1, 1) is Directive.CONTINUE
    assert shop.end_part(copy) is Directive.RESHARE
    assert shop.share(copy) == Share(None, 2)
    assert shop.report(shop.first, 2, 1) is Directive.ABANDON
    assert not shop.finish(shop.first)
    assert shop.finish(copy)


def test_a_copy_is_given_up_when_the_first_one_is_through() -> None:
    shop = Shop(1.0, 1.0, batches=2)
    shop.report(shop.first, 1, 0)
    shop.clock.now = 7.0
    copy = shop.must_take("cuda:1")
    assert shop.finish(shop.first)
    assert shop.report(copy, 1, 1) is Directive.ABANDON
    assert shop.coordinator.totals().done == 1


def test_a_worker_may_die_that_had_an_output_to_write_when_its_copy_was_through() -> None:
    shop = Shop(1.0, 1.0, batches=2)
    shop.report(shop.first, 1, 0)
    shop.clock.now = 7.0
    copy = shop.must_take("cuda:1")
    done = Progress(2, 2, 2.0)
    shop.coordinator.report_progress("cuda:0", 1, 0, 1, done, 1, computed=True)
    assert shop.finish(copy)
    shop.coordinator.worker_died("cuda:0", 1, "signal 9")
    assert shop.coordinator.totals().done == 1
