"""Files divided into shards: the file comes last, and fails with the first shard that does."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.support.balance import Bench, unit
from tui_balancer.failures import Failure
from tui_balancer.scheduler.commands import MoveUnits, ReorderUnits, RetryUnits, SkipUnits
from tui_balancer.scheduler.events import FailureEvent, RetryEvent, SkipEvent
from tui_balancer.scheduler.model import Lease, ReturnCause, Unit, UnitTraits
from tui_balancer.scheduler.state.unit_store import NOBODY


def divided(unit_id: int, *costs: float) -> list[Unit]:
    """Return a file with its shards, which have the numbers after its own."""
    shards = tuple(range(unit_id + 1, unit_id + 1 + len(costs)))
    file = Unit(
        unit_id,
        "huge.faa",
        0,
        0,
        1.0,
        UnitTraits(shards=shards, joined=(10 * len(costs), 1000 * len(costs), sum(costs))),
    )
    parts = [
        replace(unit(number, cost), name=f"huge.faa ⟨{number - unit_id}/{len(costs)}⟩")
        for number, cost in zip(shards, costs, strict=True)
    ]
    return [file, *(replace(part, traits=UnitTraits(whole=unit_id)) for part in parts)]


def fail(bench: Bench, lease: Lease, reason: str) -> None:
    bench.claim(lease)
    assert bench.coordinator.record_file_failure(lease.unit.unit_id, lease.epoch, Failure(reason))


def finish_all(bench: Bench) -> list[int]:
    """Let all devices do what they get; return what that was, in order."""
    done: list[int] = []
    while leases := [lease for lease in map(bench.take, bench.incarnations) if lease is not None]:
        for lease in leases:
            done.append(lease.unit.unit_id)
            assert bench.finish(lease)
    return done


def test_a_file_is_made_of_its_shards_when_all_are_done() -> None:
    bench = Bench()
    bench.coordinator.assign([*divided(0, 2.0, 2.0, 2.0), unit(4, 1.0)])
    first, second = bench.must_take("cuda:0"), bench.must_take("cuda:1")
    totals = bench.coordinator.totals()
    assert (totals.files, totals.running, totals.waiting, totals.sequences) == (2, 1, 1, 40)
    bench.finish(first)
    bench.finish(second)
    assert bench.coordinator.totals().done == 0

    done = finish_all(bench)
    begun = {first.unit.unit_id, second.unit.unit_id}
    assert sorted(done) == sorted({0, 1, 2, 3, 4} - begun)
    assert done.index(0) > max(done.index(shard) for shard in {1, 2, 3} - begun)
    totals = bench.coordinator.totals()
    assert (totals.done, totals.failed, totals.waiting, totals.running) == (2, 0, 0, 0)
    assert (totals.sequences_done, totals.residues_done) == (40, 4000)
    assert bench.coordinator.over
    assert sum(row.files_done for row in bench.coordinator.get_gpu_metrics()) == 2


def test_who_does_the_last_shard_goes_on_with_the_file() -> None:
    bench = Bench((1.0,))
    bench.coordinator.assign([*divided(0, 9.0, 8.0), unit(3, 1.0)])
    assert finish_all(bench) == [1, 2, 0, 3]


def test_shards_that_are_done_already_are_not_waited_for() -> None:
    bench = Bench((1.0,))
    file, one, other = divided(0, 2.0, 2.0)
    bench.coordinator.add_done(one)
    bench.coordinator.assign([file, other])
    bench.finish(bench.must_take("cuda:0"))
    assert bench.must_take("cuda:0").unit == file

    bench = Bench((1.0,))
    for shard in (one, other):
        bench.coordinator.add_done(shard)
    bench.coordinator.assign([file])
    assert bench.must_take("cuda:0").unit == file


def test_the_file_of_a_shard_that_fails_has_failed_and_the_others_are_put_aside() -> None:
    bench = Bench()
    bench.coordinator.assign([*divided(0, 9.0, 3.0, 2.0, 1.0), unit(5, 1.0)])
    first, second = bench.must_take("cuda:0"), bench.must_take("cuda:1")
    fail(bench, first, "it changed since the scan")

    totals = bench.coordinator.totals()
    assert (totals.failed, totals.running, totals.waiting) == (1, 0, 1)
    *_, failure = [event for event in bench.journal if isinstance(event, FailureEvent)]
    assert (failure.unit_id, failure.waiting) == (0, True)
    assert failure.reason == f"shard {first.unit.unit_id} of 4: it changed since the scan"
    places = bench.coordinator.places(-1)
    assert places is not None
    assert list(places.ended[:5]) == [2, 2, 0, 2, 2]

    # What runs is brought to its end; nothing else of the file is begun.
    bench.finish(second)
    assert finish_all(bench) == [5]


def test_a_shard_that_comes_back_after_its_file_has_failed_is_put_aside() -> None:
    bench = Bench()
    bench.coordinator.assign([*divided(0, 9.0, 9.0), unit(3, 1.0)])
    first = bench.must_take("cuda:0")
    second = bench.must_take("cuda:1")
    fail(bench, first, "broken")
    bench.die("cuda:1")
    assert second.unit.unit_id not in bench.waiting("cuda:0") + bench.waiting("cuda:1")
    assert finish_all(bench) == [3]
    assert bench.coordinator.over


def test_a_file_that_is_tried_again_needs_only_what_was_not_done() -> None:
    bench = Bench()
    bench.coordinator.assign([*divided(0, 9.0, 3.0, 2.0, 1.0), unit(5, 5.0)])
    first, second = bench.must_take("cuda:0"), bench.must_take("cuda:1")
    fail(bench, first, "broken")
    # Asked for by a shard, it is the file that is tried again.
    outcome = bench.coordinator.execute(RetryUnits((first.unit.unit_id,)))
    assert (outcome.accepted, outcome.message) == (True, "huge.faa waits again")
    retried = [event.unit_id for event in bench.journal if isinstance(event, RetryEvent)]
    assert retried == [first.unit.unit_id, 0]

    bench.finish(second)
    done = finish_all(bench)
    assert sorted(done) == sorted({0, 1, 2, 3, 4, 5} - {second.unit.unit_id})
    assert done.index(0) > done.index(first.unit.unit_id)
    totals = bench.coordinator.totals()
    assert (totals.done, totals.failed, totals.sequences_done) == (2, 0, 50)


def test_a_file_whose_shards_were_all_done_when_it_is_tried_again_waits_for_none() -> None:
    bench = Bench((1.0,))
    bench.coordinator.assign([*divided(0, 2.0), unit(2, 1.0)])
    shard = bench.must_take("cuda:0")
    bench.coordinator.execute(SkipUnits((0,)))
    bench.finish(shard)
    bench.coordinator.execute(RetryUnits((0,)))
    assert finish_all(bench) == [0, 2]


def test_a_file_whose_outputs_cannot_be_made_is_tried_again_as_it_is() -> None:
    bench = Bench((1.0,))
    bench.coordinator.assign([*divided(0, 2.0, 1.0), unit(3, 0.5)])
    for _ in range(2):
        bench.finish(bench.must_take("cuda:0"))
    fail(bench, bench.must_take("cuda:0"), "no room")
    assert bench.coordinator.totals().failed == 1
    assert bench.coordinator.execute(RetryUnits((0,))).accepted
    assert finish_all(bench) == [3, 0]


def test_who_moves_a_divided_file_moves_what_waits_of_it() -> None:
    bench = Bench()
    bench.coordinator.assign(divided(0, 2.0, 2.0, 2.0, 2.0))
    begun = bench.must_take("cuda:0").unit.unit_id
    waiting = set(bench.waiting("cuda:0"))
    assert bench.coordinator.execute(MoveUnits((0,), "cuda:1")).accepted
    assert bench.waiting("cuda:0") == []
    assert set(bench.waiting("cuda:1")) == {1, 2, 3, 4} - {begun} > waiting
    # A single shard goes alone.
    assert bench.coordinator.execute(ReorderUnits((bench.waiting("cuda:1")[-1],), first=True))
    assert bench.coordinator.execute(MoveUnits((begun,), "cuda:1")).accepted is False


@pytest.mark.parametrize("asked", [0, 2])
def test_who_skips_a_shard_skips_its_file(asked: int) -> None:
    bench = Bench()
    bench.coordinator.assign([*divided(0, 2.0, 2.0), unit(3, 1.0)])
    assert bench.coordinator.execute(SkipUnits((asked,))).message == "huge.faa skipped"
    (skipped,) = [event for event in bench.journal if isinstance(event, SkipEvent)]
    assert skipped.unit_id == 0
    totals = bench.coordinator.totals()
    assert (totals.failed, totals.skipped, totals.waiting) == (0, 1, 1)
    assert bench.coordinator.execute(RetryUnits((asked,))).accepted
    totals = bench.coordinator.totals()
    assert (totals.failed, totals.skipped, totals.waiting) == (0, 0, 2)


def test_a_file_of_which_nobody_has_a_shard_waits_for_nobody() -> None:
    bench = Bench()
    bench.coordinator.assign(divided(0, 2.0, 2.0))
    places = bench.coordinator.places(-1)
    assert places is not None
    assert list(places.queues[NOBODY]) == [0]
    bench.must_take("cuda:0")
    places = bench.coordinator.places(-1)
    assert places is not None
    assert NOBODY not in places.queues


@given(st.lists(st.tuples(st.integers(0, 2), st.sampled_from(["done", "failed", "died"]))))
def test_whatever_happens_every_input_is_in_one_place(
    steps: list[tuple[int, str]],
) -> None:
    bench = Bench((1.0, 2.0, 1.0))
    bench.coordinator.assign(
        [*divided(0, 5.0, 4.0, 3.0), unit(4, 2.0), *divided(5, 1.0, 1.0), unit(8, 1.0)]
    )
    for number, how in steps:
        device = f"cuda:{number}"
        lease = bench.take(device)
        if lease is None:
            continue
        if how == "failed":
            fail(bench, lease, "broken")
        elif how == "done":
            bench.finish(lease)
        else:
            bench.coordinator.return_lease(
                device, 1, lease.unit.unit_id, lease.epoch, ReturnCause.STOPPED
            )
        totals = bench.coordinator.totals()
        assert totals.files == 4
        assert totals.done + totals.failed + totals.running + totals.waiting == 4
        assert min(totals.done, totals.failed, totals.running, totals.waiting) >= 0
    finish_all(bench)
    totals = bench.coordinator.totals()
    assert totals.done + totals.failed == 4
    assert bench.coordinator.over
