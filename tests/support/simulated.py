"""Simulated runs with all that can befall one: bundles, shards, deaths, a person's commands, and
files that are added.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import inf

from hypothesis import Phase
from hypothesis import strategies as st

from tui_balancer.failures import Failure
from tui_balancer.scheduler.commands import (
    Command,
    MoveUnits,
    PauseDevice,
    ReorderUnits,
    ResumeAll,
    RetryUnits,
    SkipUnits,
    Undo,
)
from tui_balancer.scheduler.event_log import EventSink
from tui_balancer.scheduler.model import DeviceSpec, TimeSettings, Unit, UnitTraits
from tui_balancer.scheduler.policy.bounds import Speed
from tui_balancer.scheduler.simulation.devices import Rules, SimulatedDevice
from tui_balancer.scheduler.simulation.run import SimulatedRun

NO_SHRINK = (Phase.explicit, Phase.reuse, Phase.generate)
"""A run that fails is long: to make it shorter takes minutes."""

DEVICES = ("cuda:0", "cuda:1", "cuda:2")


def commands(files: int) -> st.SearchStrategy[Command]:
    """Draw what a person asks for of a run of so many files; some of it is refused."""
    numbers = st.lists(st.integers(0, files - 1), min_size=1, max_size=4).map(tuple)
    device = st.sampled_from(DEVICES)
    return st.one_of(
        st.builds(MoveUnits, numbers, device),
        st.builds(ReorderUnits, numbers, first=st.booleans()),
        st.just(Undo()),
        st.builds(SkipUnits, numbers),
        st.builds(RetryUnits, st.just(tuple(range(files)))),
        st.builds(PauseDevice, device),
        st.just(ResumeAll()),
    )


class Story:
    """A run step by step.

    Attributes:
        files: Each as a unit of its own, at its number; grows when files are added.
        run: The run; `go` moves it on.
    """

    def __init__(self, draw: st.DataObject, journal: EventSink) -> None:
        self.files: list[Unit] = []
        self._draw = draw
        units = self._drawn(4, 14)
        deaths = draw.draw(st.lists(st.lists(st.floats(0, 60), max_size=4), min_size=3, max_size=3))
        devices = [
            SimulatedDevice(DeviceSpec(name, "card", 1.0), Speed.steady(1 + n), 1.0, tuple(moments))
            for n, (name, moments) in enumerate(zip(DEVICES, deaths, strict=True))
        ]
        batch = draw.draw(st.sampled_from([1.0, inf]))
        rules = Rules(TimeSettings(0.0), stealing=True, batch_cost=batch, report_seconds=1.0)
        self.run = SimulatedRun(devices, rules, journal=journal)
        self._todo = units

    def go(self) -> Iterator[None]:
        """Let the run pass, a few seconds or a command at a time, until it is over."""
        self.run.begin(self._todo)
        yield
        left, more, coordinator = 40, self._draw.draw(st.integers(0, 2)), self.run.coordinator
        for _ in range(more):
            coordinator.await_files()
        while not self.run.coordinator.over and left:
            left -= 1
            if more and self._draw.draw(st.integers(0, 3)) == 0:
                more -= 1
                self._add()
                coordinator.files_settled()
            elif left and self._draw.draw(st.booleans()):
                self.run.coordinator.execute(self._draw.draw(commands(len(self.files))))
            else:
                seconds = self._draw.draw(st.sampled_from([0.0, 0.5, 3.0]))
                self.run.advance(self.run.now + seconds)
            yield
        for _ in range(more):
            coordinator.files_settled()
        coordinator.execute(ResumeAll())
        self.run.advance(self.run.now + 1000.0)
        yield

    def _add(self) -> None:
        """Add some files to the run, of which the last one may be bad."""
        units = self._drawn(1, 3)
        failed = []
        if self._draw.draw(st.booleans()):
            bad = Unit(len(self.files), f"f{len(self.files)}", 0, 0, 0.0)
            self.files.append(bad)
            failed = [(bad, Failure("no sequences"))]
        self.run.coordinator.add(units, failed, "more files")

    def _drawn(self, least: int, most: int) -> list[Unit]:
        """Return new units: files, bundles of three, and files in three shards."""
        units: list[Unit] = []
        kinds = st.lists(st.sampled_from("fffbbd"), min_size=least, max_size=most)
        for kind in self._draw.draw(kinds):
            costs = st.lists(st.floats(1, 9), min_size=3, max_size=3)
            units += self._units(kind, self._draw.draw(costs))
        return units

    def _units(self, kind: str, costs: list[float]) -> list[Unit]:
        first = len(self.files)
        if kind == "f":
            made = [Unit(first, f"f{first}", 2, 20, costs[0])]
            self.files += made
            return made
        if kind == "b":
            parts = tuple(
                Unit(first + n, f"f{first + n}", 1, 10, cost) for n, cost in enumerate(costs)
            )
            self.files += parts
            return [Unit(first, f"3 files: f{first} …", 3, 30, sum(costs), UnitTraits(3, parts))]
        shards = tuple(range(first + 1, first + 4))
        whole = Unit(
            first, f"f{first}", 0, 0, 1.0, UnitTraits(shards=shards, joined=(3, 30, sum(costs)))
        )
        made = [whole] + [
            Unit(number, f"f{first} ⟨{number - first}/3⟩", 1, 10, cost, UnitTraits(whole=first))
            for number, cost in zip(shards, costs, strict=True)
        ]
        self.files += made
        return made
