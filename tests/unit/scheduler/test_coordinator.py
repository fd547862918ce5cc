"""Taking, stealing, reporting and finishing: one coordinator, step by step."""

from __future__ import annotations

import pytest

from tests.support.balance import Bench, units
from tui_balancer.failures import Failure
from tui_balancer.leases import Progress
from tui_balancer.samples import DeviceSample, Telemetry
from tui_balancer.scheduler.commands import PauseDevice, SetPolicy
from tui_balancer.scheduler.events import DoneEvent, LeaseEvent, StealEvent
from tui_balancer.scheduler.model import CountSettings, DeviceState, ReturnCause, TimeSettings


def test_a_device_takes_its_own_queue_from_the_head() -> None:
    bench = Bench(costs=[9, 8, 7, 6])
    assert bench.waiting("cuda:0") == [0, 3]
    assert bench.run_one("cuda:0", 1).unit.unit_id == 0
    assert bench.run_one("cuda:0", 1).unit.unit_id == 3


def test_an_idle_device_steals_and_leases_in_one_step() -> None:
    bench = Bench(costs=[10, 10, 10, 10, 10, 10])
    bench.run_one("cuda:0", 10)
    for _ in range(3):
        last = bench.run_one("cuda:1", 1)
    stolen = bench.must_take("cuda:1")
    assert last.unit.unit_id == 5
    assert stolen.unit.unit_id in (2, 4)
    steal, lease = bench.journal[-2:]
    assert isinstance(steal, StealEvent)
    assert isinstance(lease, LeaseEvent)
    assert (steal.source, steal.target) == ("cuda:0", "cuda:1")
    assert steal.unit_id == lease.unit_id == stolen.unit.unit_id
    assert steal.finish_without is not None
    assert steal.finish_with is not None
    assert steal.finish_without - steal.finish_with >= 1.0
    assert bench.coordinator.get_recent_steal_events() == (steal,)


def test_a_device_that_was_never_measured_is_reckoned_by_its_weight() -> None:
    bench = Bench(weights=(1.0, 4.0), costs=[40, 40, 40, 40, 40, 40, 40])
    assert bench.waiting("cuda:0") == [6]
    bench.run_one("cuda:0", 10)
    # At 4 times 4 FLOP/s the other needs 15 s for its six files, and this one 10 s for one.
    assert bench.take("cuda:0") is not None
    (steal,) = bench.coordinator.get_recent_steal_events()
    assert steal.finish_without == pytest.approx(15.0)
    assert steal.finish_with == pytest.approx(12.5)


def test_a_held_device_has_no_end_in_what_is_told_of_a_steal_from_it() -> None:
    bench = Bench(costs=[10, 10, 10, 10])
    bench.run_one("cuda:0", 10)
    bench.run_one("cuda:1", 10)
    bench.coordinator.execute(PauseDevice("cuda:0"))
    bench.run_one("cuda:1", 10)
    assert bench.take("cuda:1") is not None
    (steal,) = bench.coordinator.get_recent_steal_events()
    assert steal.source_ends is None
    assert steal.target_ends == pytest.approx((0.0, 10.0))


def measured(*, costs: list[float]) -> Bench:
    """A device of 4 FLOP/s beside one of 1, both thought equal, with so much in their queues."""
    bench = Bench(costs=[40, 40, *costs])
    bench.run_one("cuda:0", 10)
    bench.run_one("cuda:1", 40)
    return bench


def test_a_slow_device_starts_no_file_that_would_outlast_the_run() -> None:
    bench = measured(costs=[30, 30, 5, 4])
    assert [one.cost for one in bench.coordinator.queue("cuda:1")] == [30, 4]
    bench.must_take("cuda:0")
    # All 69 FLOPs spread evenly take 13.8 s; the 30 at its head would take this device 30 s.
    assert bench.must_take("cuda:1").unit.cost == 4


def test_a_last_file_is_handed_to_a_device_that_is_sooner_through_with_it() -> None:
    bench = measured(costs=[30, 30])
    running = bench.must_take("cuda:0")
    assert bench.take("cuda:1") is None
    (handed,) = bench.coordinator.get_recent_steal_events()
    assert (handed.source, handed.target, handed.unit_id) == ("cuda:1", "cuda:0", 3)
    assert handed.finish_without == pytest.approx(30.0)
    assert handed.finish_with == pytest.approx(15.0)
    # 30 FLOPs in each queue: the slow one needs 30 s and would have none, the fast one twice 7.5 s.
    assert handed.source_ends == pytest.approx((30.0, 0.0))
    assert handed.target_ends == pytest.approx((7.5, 15.0))
    bench.clock.now += 7.5
    bench.finish(running)
    assert bench.must_take("cuda:0").unit.unit_id == 3


def test_a_last_file_is_kept_when_handing_it_on_gains_too_little() -> None:
    bench = measured(costs=[30, 30])
    bench.coordinator.execute(SetPolicy(TimeSettings(16.0)))
    bench.must_take("cuda:0")
    assert bench.must_take("cuda:1").unit.unit_id == 3


def test_what_was_handed_on_comes_back_when_the_other_device_is_throttled() -> None:
    bench = measured(costs=[30, 30])
    running = bench.must_take("cuda:0")
    assert bench.take("cuda:1") is None
    for percent in range(1, 11):
        bench.clock.now += 1.0
        bench.progress(running, percent / 100)
    assert bench.must_take("cuda:1").unit.unit_id == 3


@pytest.mark.parametrize("held", ["paused", "idle"])
def test_files_are_handed_to_devices_at_work_only(held: str) -> None:
    bench = measured(costs=[30, 30])
    if held == "paused":
        bench.must_take("cuda:0")
        bench.coordinator.execute(PauseDevice("cuda:0"))
    assert bench.must_take("cuda:1").unit.unit_id == 3


def test_nothing_is_taken_before_the_assignment_and_the_run_is_not_over() -> None:
    bench = Bench()
    assert bench.take("cuda:0") is None
    assert not bench.coordinator.over
    assert not bench.coordinator.finished_for("cuda:0", 1)
    bench.coordinator.assign(units(1.0))
    assert bench.take("cuda:0") is not None


def test_a_run_without_a_single_good_file_is_over_at_once() -> None:
    bench = Bench()
    bench.coordinator.add_failed(units(0.0)[0], Failure("line 3: no sequences"))
    bench.coordinator.assign([])
    assert bench.coordinator.over
    assert bench.coordinator.totals().failed == 1


def test_an_idle_worker_stays_until_the_last_lease_is_done() -> None:
    bench = Bench(costs=[5, 1])
    last = bench.must_take("cuda:0")
    bench.run_one("cuda:1", 1)
    assert bench.take("cuda:1") is None
    assert not bench.coordinator.finished_for("cuda:1", 1)
    bench.finish(last)
    assert bench.coordinator.over
    assert bench.coordinator.finished_for("cuda:1", 1)


def test_a_worker_cannot_hold_two_leases() -> None:
    bench = Bench(costs=[5, 4, 3, 2])
    bench.must_take("cuda:0")
    with pytest.raises(ValueError, match="cuda:0 asks for work while it holds a lease"):
        bench.take("cuda:0")


def test_count_looks_again_only_after_its_interval() -> None:
    bench = Bench(weights=(1.0, 0.001), costs=[10] * 6, policy=CountSettings(interval_seconds=3.0))
    assert bench.waiting("cuda:0") == [0, 2, 3, 4, 5]
    bench.run_one("cuda:1", 1)
    assert bench.run_one("cuda:1", 1).unit.unit_id == 5
    assert bench.take("cuda:1") is None
    bench.clock.now += 2.0
    assert bench.must_take("cuda:1").unit.unit_id == 4


def test_count_looks_at_once_when_its_rule_is_changed() -> None:
    bench = Bench(weights=(1.0, 0.001), costs=[10] * 5, policy=CountSettings(minimum=9))
    bench.run_one("cuda:1", 1)
    assert bench.take("cuda:1") is None
    assert bench.coordinator.execute(SetPolicy(CountSettings())).accepted
    assert bench.must_take("cuda:1").unit.unit_id == 4


def test_without_stealing_a_device_computes_its_assignment_only() -> None:
    bench = Bench(weights=(1.0, 0.001), costs=[10] * 6, stealing=False)
    bench.run_one("cuda:1", 1)
    assert bench.take("cuda:1") is None
    assert len(bench.waiting("cuda:0")) == 5


def test_time_leaves_a_gain_below_the_threshold() -> None:
    bench = Bench(costs=[10, 10, 10, 10, 10], policy=TimeSettings(15.0))
    bench.run_one("cuda:1", 10)
    bench.run_one("cuda:1", 10)
    bench.must_take("cuda:0")
    assert bench.take("cuda:1") is None
    assert bench.coordinator.execute(SetPolicy(TimeSettings(5.0))).accepted
    assert bench.take("cuda:1") is not None


def test_a_throttled_victim_is_robbed_by_its_new_rate() -> None:
    bench = Bench(costs=[100] * 8)
    lease = bench.must_take("cuda:0")
    for percent in range(1, 101):
        bench.clock.now += 0.1
        bench.progress(lease, percent / 100)
    bench.finish(lease)
    for _ in range(4):
        bench.run_one("cuda:1", 10)
    lease = bench.must_take("cuda:0")
    assert bench.take("cuda:1") is not None
    rate = bench.coordinator.get_gpu_metrics()[0].finish_seconds
    for percent in range(1, 11):
        bench.clock.now += 1.0
        bench.progress(lease, percent / 100)
    slowed = bench.coordinator.get_gpu_metrics()[0].finish_seconds
    assert rate == pytest.approx(20.0)
    assert slowed == pytest.approx(190.0)


def test_a_claim_is_granted_once_and_only_to_the_holder() -> None:
    bench = Bench(costs=[5, 4])
    lease = bench.must_take("cuda:0")
    here = bench.coordinator
    assert not here.begin_completion("cuda:1", 1, lease.unit.unit_id, lease.epoch)
    assert not here.begin_completion("cuda:0", 2, lease.unit.unit_id, lease.epoch)
    assert not here.begin_completion("cuda:0", 1, lease.unit.unit_id, lease.epoch + 1)
    assert bench.claim(lease)
    assert not bench.claim(lease)


def test_a_unit_counts_once_however_often_it_is_recorded() -> None:
    bench = Bench(costs=[5, 4])
    lease = bench.must_take("cuda:0")
    assert bench.finish(lease)
    assert not bench.coordinator.record_file_completion(lease.unit.unit_id, lease.epoch, 1.0)
    assert not bench.coordinator.record_file_failure(
        lease.unit.unit_id, lease.epoch, Failure("late")
    )
    assert bench.coordinator.totals().done == 1


def test_an_abandoned_unit_waits_first_in_line_with_the_next_epoch() -> None:
    bench = Bench(costs=[9, 8, 7, 6])
    lease = bench.must_take("cuda:0")
    bench.progress(lease, 0.5)
    assert bench.coordinator.return_lease("cuda:0", 1, 0, 1, ReturnCause.STOPPED)
    assert bench.waiting("cuda:0") == [0, 3]
    assert bench.coordinator.totals().cost_done == 0
    again = bench.must_take("cuda:0")
    assert (again.unit.unit_id, again.epoch) == (0, 2)


def test_work_within_a_running_unit_is_counted_as_it_is_done() -> None:
    bench = Bench(costs=[8, 4])
    lease = bench.must_take("cuda:0")
    bench.clock.now += 2
    bench.progress(lease, 0.5)
    totals = bench.coordinator.totals()
    assert (totals.running, totals.waiting, totals.done) == (1, 1, 0)
    assert (totals.sequences_done, totals.residues_done, totals.cost_done) == (5, 500, 4.0)
    (row, _) = bench.coordinator.get_gpu_metrics()
    assert row.running is not None
    assert (row.running.fraction, row.running.seconds) == (0.5, 2.0)


def test_cost_reported_beyond_the_estimate_never_exceeds_the_unit() -> None:
    bench = Bench(costs=[8, 4])
    bench.must_take("cuda:0")
    bench.clock.now += 2
    bench.coordinator.report_progress("cuda:0", 1, 0, 1, Progress(10, 1000, 99.0))
    assert bench.coordinator.totals().cost_done == 8.0


def test_a_row_tells_what_is_known_and_nothing_else() -> None:
    bench = Bench(costs=[30, 20, 10])
    before = bench.coordinator.get_gpu_metrics()[0]
    assert before.state is DeviceState.IDLE
    assert (before.queued_files, before.queued_cost) == (1, 30.0)
    assert before.utilisation is before.flops_per_second is before.finish_seconds is None
    bench.run_one("cuda:0", 10)
    bench.must_take("cuda:1")
    bench.coordinator.record_telemetry("cuda:1", 1, Telemetry(5.0, DeviceSample(2**30, 2**33, 0.9)))
    bench.clock.now += 2
    newest = DeviceSample(2**31, 2**33, 0.8)
    bench.coordinator.record_telemetry("cuda:1", 1, Telemetry(6.5, newest))
    first, second = bench.coordinator.get_gpu_metrics()
    assert first.flops_per_second == pytest.approx(30 / 12)
    assert first.files_done == 1
    assert second.state is DeviceState.BUSY
    assert second.utilisation == pytest.approx(0.75)
    assert second.sample == newest
    # By weight as fast as the measured one: 3 FLOP/s, of 30 FLOPs 2 s are gone.
    assert second.finish_seconds == pytest.approx(8.0)


def test_the_end_is_estimated_from_measured_rates() -> None:
    bench = Bench(costs=[30, 30, 30, 30])
    assert bench.coordinator.snapshot().eta_seconds is None
    bench.run_one("cuda:0", 10)
    assert bench.coordinator.snapshot().eta_seconds == pytest.approx(90 / 6)


def test_the_end_is_no_sooner_than_the_longest_running_file() -> None:
    bench = Bench(costs=[300, 3, 3])
    bench.run_one("cuda:1", 1)
    bench.must_take("cuda:0")
    assert bench.coordinator.snapshot().eta_seconds == pytest.approx(100.0)


def test_without_stealing_the_end_is_that_of_the_fullest_queue() -> None:
    bench = Bench(costs=[30, 30, 30, 30, 30], stealing=False)
    bench.run_one("cuda:0", 10)
    assert bench.coordinator.snapshot().eta_seconds == pytest.approx(20.0)
    bench.run_one("cuda:1", 10)
    bench.run_one("cuda:1", 10)
    assert bench.coordinator.snapshot().eta_seconds == pytest.approx(20.0)


def test_a_snapshot_is_of_one_moment() -> None:
    bench = Bench(costs=[30, 30])
    bench.run_one("cuda:0", 10)
    picture = bench.coordinator.snapshot()
    assert picture.totals == bench.coordinator.totals()
    assert picture.devices == bench.coordinator.get_gpu_metrics()
    assert picture.sequences_per_second == pytest.approx(1.0)
    assert picture.residues_per_second == pytest.approx(100.0)
    assert picture.eta_seconds == bench.coordinator.snapshot().eta_seconds
    assert picture.last_event == len(bench.journal)
    assert not picture.paused


def test_events_are_pulled_by_number_and_match_the_journal() -> None:
    bench = Bench(costs=[30, 30])
    known = bench.coordinator.snapshot().last_event
    bench.run_one("cuda:0", 10)
    lease, done = bench.coordinator.events_after(known)
    assert isinstance(lease, LeaseEvent)
    assert isinstance(done, DoneEvent)
    assert (lease.sequence, done.sequence) == (known + 1, known + 2)
    assert bench.journal[known:] == [lease, done]
    assert bench.coordinator.events_after(done.sequence) == ()


def test_only_the_last_fifty_steals_are_kept_at_hand() -> None:
    bench = Bench(weights=(1.0, 0.001), costs=[10] * 80, policy=CountSettings(interval_seconds=0.1))
    while len(bench.journal) < 250 and bench.take("cuda:1"):
        lease = bench.coordinator.get_gpu_metrics()[1].running
        assert lease is not None
        bench.coordinator.record_file_completion(lease.unit.unit_id, lease.epoch, 1.0)
        bench.clock.now += 1.0
    steals = [event for event in bench.journal if isinstance(event, StealEvent)]
    assert len(steals) > 50
    assert list(bench.coordinator.get_recent_steal_events()) == steals[-50:]


def test_efficiency_so_far_is_the_share_of_time_that_devices_compute() -> None:
    bench = Bench((1.0, 1.0), costs=(100.0, 20.0))
    assert bench.coordinator.snapshot().efficiency is None
    large, small = bench.must_take("cuda:0"), bench.must_take("cuda:1")
    bench.clock.now = 20.0
    bench.progress(large, 0.2)
    assert bench.finish(small)
    assert bench.coordinator.snapshot().efficiency == pytest.approx(1.0)
    bench.clock.now = 80.0
    bench.progress(large, 0.8)
    # 100 done at 1 and 1 a second; the bound is 50 s.
    assert bench.coordinator.snapshot().efficiency == pytest.approx(50 / 80)
