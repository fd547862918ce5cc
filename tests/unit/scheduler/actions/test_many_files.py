"""Commands over more files than have an event each: one event tells of all that share a device."""

from __future__ import annotations

from collections.abc import Callable
from itertools import chain

import pytest

from tests.support.balance import Bench, bundle, unit
from tui_balancer.scheduler.actions.groups import SINGLE_EVENTS
from tui_balancer.scheduler.commands import (
    Command,
    MoveUnits,
    ReorderUnits,
    RetryUnits,
    SkipUnits,
    Undo,
)
from tui_balancer.scheduler.events import Event, MoveEvent, RetryEvent, SkipEvent
from tui_balancer.scheduler.model import Unit
from tui_balancer.scheduler.read_api import Places
from tui_balancer.view.places import FilePlaces
from tui_balancer.view.run_state import RunState
from tui_balancer.view.run_stats import RunStats

DEVICES = ("cuda:0", "cuda:1", "cuda:2")
MANY = 2 * SINGLE_EVENTS
FEW = SINGLE_EVENTS // 2


def made_up(most: int) -> list[Unit]:
    """Return units of so many files; every tenth is a bundle of three."""
    made: list[Unit] = []
    number = 0
    while number < most:
        cost = float(1 + number * 7919 % 97)
        one = bundle(number, cost, 1.0, 2.0) if len(made) % 10 == 3 else unit(number, cost)
        made.append(one)
        number += one.files
    return made


class Run:
    """A run of three devices, and its files as a replay has them."""

    def __init__(self, most: int) -> None:
        self.units = made_up(most)
        self.bench = Bench((1.0, 1.0, 2.0), stealing=False)
        self.bench.coordinator.assign(self.units)
        self.files = [part for one in self.units for part in one.parts or (one,)]

    def ask(self, command: Command) -> list[Event]:
        """Execute a command; return its events."""
        before = len(self.bench.journal)
        outcome = self.bench.coordinator.execute(command)
        assert outcome.accepted, outcome
        return self.bench.journal[before:]

    def live(self) -> dict[str, list[int]]:
        return shown(self.bench.coordinator.places(-1), len(self.files))

    def replayed(self) -> dict[str, list[int]]:
        places = FilePlaces()
        fold = RunState(places)
        fold.expect(self.files)
        fold.apply_all(self.bench.journal)
        return shown(places.places(fold.last_event), len(self.files))


def shown(places: Places | None, files: int) -> dict[str, list[int]]:
    """Return the queue of each device, and how each file ended."""
    assert places is not None
    queues = {device: list(places.queues.get(device, ())) for device in DEVICES}
    return {**queues, "ended": list(places.ended[:files].ljust(files, b"\0"))}


CHANGES: dict[str, Callable[[tuple[int, ...]], Command]] = {
    "move": lambda chosen: MoveUnits(chosen, "cuda:1"),
    "first": lambda chosen: ReorderUnits(chosen, first=True),
    "last": lambda chosen: ReorderUnits(chosen, first=False),
    "skip": SkipUnits,
}


@pytest.mark.parametrize("most", [FEW, MANY])
@pytest.mark.parametrize("change", CHANGES)
def test_a_replay_has_every_file_where_the_run_has_it(change: str, most: int) -> None:
    run = Run(most)
    chosen = tuple(one.unit_id for one in run.units[::-1] if one.unit_id % 7)
    before = run.live()
    run.ask(CHANGES[change](chosen))
    assert run.live() == run.replayed()
    assert run.live() != before
    run.ask(Undo())
    assert run.live() == run.replayed() == before


@pytest.mark.parametrize("most", [FEW, MANY])
def test_files_that_are_retried_wait_once_and_as_the_bundles_they_were(most: int) -> None:
    run = Run(most)
    # A run without anything to do would be over.
    chosen = tuple(one.unit_id for one in run.units[1:])
    run.ask(SkipUnits(chosen))
    run.ask(RetryUnits(chosen))
    assert run.live() == run.replayed()
    waiting = chain.from_iterable(run.live()[device] for device in DEVICES)
    assert sorted(waiting) == list(range(len(run.files)))
    waiting_units = [one for device in DEVICES for one in run.bench.coordinator.queue(device)]
    assert sorted(waiting_units, key=lambda one: one.unit_id) == run.units
    totals = run.bench.coordinator.totals()
    assert (totals.waiting, totals.skipped, totals.failed) == (len(run.files), 0, 0)
    assert min(run.bench.coordinator.queue_length(device) for device in DEVICES) > 0


def test_moved_files_keep_the_order_in_which_they_were_named() -> None:
    run = Run(MANY)
    ahead = run.bench.waiting("cuda:2")
    named = [one.unit_id for one in run.units[::-1] if one.unit_id not in ahead]
    run.ask(MoveUnits(tuple(named), "cuda:2"))
    assert run.bench.waiting("cuda:2") == ahead + named


@pytest.mark.parametrize(
    ("change", "kind"),
    [("move", MoveEvent), ("first", MoveEvent), ("last", MoveEvent), ("skip", SkipEvent)],
)
def test_many_files_of_a_device_share_an_event_and_few_have_one_each(
    change: str, kind: type[MoveEvent | SkipEvent]
) -> None:
    told = {most: [*map(named, run_change(most, change, kind))] for most in (FEW, MANY)}
    assert len(told[MANY]) <= len(DEVICES)
    assert all(" files: virus_" in name for name in told[MANY])
    assert len(told[FEW]) > len(DEVICES)
    assert "virus_0.faa" in told[FEW] or change == "move"


def run_change(most: int, change: str, kind: type[Event]) -> list[Event]:
    run = Run(most)
    events = run.ask(CHANGES[change](tuple(one.unit_id for one in run.units)))
    return [event for event in events if isinstance(event, kind)]


def named(event: Event) -> str:
    assert isinstance(event, MoveEvent | SkipEvent | RetryEvent)
    return event.unit_name


def test_many_skipped_files_are_listed_by_their_names() -> None:
    run = Run(MANY)
    run.ask(SkipUnits(tuple(one.unit_id for one in run.units)))
    stats = RunStats()
    fold = RunState(stats)
    fold.expect(run.files)
    fold.apply_all(run.bench.journal)
    assert {one.name for one in stats.skips} == {file.name for file in run.files}
    assert not stats.failures


def test_a_bundle_that_was_broken_up_meanwhile_is_not_put_back() -> None:
    bench = Bench((1.0, 1.0), stealing=False)
    bench.coordinator.assign([bundle(0, 9.0, 1.0), unit(2, 5.0), unit(3, 4.0)])
    bench.coordinator.execute(ReorderUnits((0, 2), first=True))
    for _ in range(2):
        bench.must_take("cuda:0")
        bench.die("cuda:0")
    assert {0, 1} <= {*bench.waiting("cuda:0"), *bench.waiting("cuda:1")}
    outcome = bench.coordinator.execute(Undo())
    assert outcome.message.endswith("1 started or changed hands meanwhile")
