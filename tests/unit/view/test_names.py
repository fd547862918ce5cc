"""Files by name, by state and by glob: what is found is what a plain search finds."""

from __future__ import annotations

from fnmatch import fnmatchcase
from pathlib import PurePath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.fake_run import FakeRun
from tests.support.pictures import RUNNING
from tui_balancer.scheduler.model import Ended, Unit, UnitTraits
from tui_balancer.view.names import (
    FileSelection,
    UnknownName,
    find_devices,
    find_files,
    select_files,
)

PARTS = st.sampled_from(("a", "b", "ab", "x.faa", "y.faa"))
PATHS = st.lists(PARTS, min_size=1, max_size=3).map("/".join)
GLOBS = st.text("abxy.f*?/[]", min_size=1, max_size=6)


def units_of(names: list[str]) -> list[Unit]:
    return [Unit(number, name, 1, 1, 1.0) for number, name in enumerate(names)]


def plainly(names: list[str], name: str) -> int | None:
    """Return the only file of this name, or else the only one of which one path ends the other."""
    exact = [number for number, one in enumerate(names) if one == name]
    ends = [
        number
        for number, one in enumerate(names)
        if f"/{one}".endswith(f"/{name}") or f"/{name}".endswith(f"/{one}")
    ]
    found = exact or ends
    return found[0] if len(found) == 1 else None


@given(st.lists(PATHS, unique=True, max_size=8), PATHS)
def test_a_name_means_the_file_that_a_plain_search_finds(names: list[str], name: str) -> None:
    expected = plainly(names, name)
    if expected is None:
        with pytest.raises(UnknownName):
            find_files(units_of(names), [name])
    else:
        assert find_files(units_of(names), [name]) == [expected]


@given(
    st.lists(st.tuples(PATHS, st.integers(0, 5)), unique_by=lambda one: one[0], max_size=12),
    st.booleans(),
    GLOBS | st.just(""),
)
def test_states_and_globs_select_what_a_plain_search_finds(
    files: list[tuple[str, int]], failed: bool, glob: str
) -> None:
    """Places 0 and 1 are queues, 2 a running file, the others ends."""
    names, places = [name for name, _ in files], [place for _, place in files]
    units = units_of(names)
    queues = {
        f"cuda:{device}": tuple(
            unit for unit, place in zip(units, places, strict=True) if place == device
        )
        for device in (0, 1)
    }
    ends = {3: Ended.DONE, 4: Ended.FAILED, 5: Ended.SKIPPED}
    ended: dict[int, int] = {
        number: ends[place] for number, place in enumerate(places) if place in ends
    }
    run = FakeRun(RUNNING, queues, units, ended)
    failed_files = [number for number, place in enumerate(places) if place == 4]
    matching = [
        number
        for number, place in enumerate(places)
        if place in (0, 1)
        and fnmatchcase(names[number] if "/" in glob else PurePath(names[number]).name, glob)
    ]
    nothing = (failed and not failed_files) or (glob and not matching) or not names
    selection = FileSelection(failed=failed, waiting=glob)
    if nothing:
        with pytest.raises(UnknownName):
            select_files(run, selection)
    else:
        expected = [*(failed_files if failed else ()), *(matching if glob else ())]
        assert select_files(run, selection) == tuple(expected)


def test_a_shard_that_waits_means_its_file() -> None:
    big = Unit(0, "big.faa", 0, 0, 0.0, UnitTraits(shards=(1, 2)))
    shards = (
        Unit(1, "big.faa 1/2", 1, 1, 1.0, UnitTraits(whole=0)),
        Unit(2, "big.faa 2/2", 1, 1, 1.0, UnitTraits(whole=0)),
    )
    run = FakeRun(RUNNING, {"cuda:0": shards[1:]}, (big, *shards))
    assert select_files(run, FileSelection(waiting="*.faa")) == (0,)


def test_files_that_are_added_while_others_are_selected_do_no_harm() -> None:
    class Growing(FakeRun):
        """Has one more file, which waits, each time it is asked for its files."""

        def units(self) -> list[Unit]:
            units = units_of([f"{number}.faa" for number in range(1 + len(self.queues["cuda:0"]))])
            self.queues["cuda:0"] = tuple(units)
            return units

    run = Growing(RUNNING, {"cuda:0": ()})
    assert select_files(run, FileSelection(names=("0.faa",))) == (0,)
    assert select_files(run, FileSelection(waiting="*.faa")) == (0,)


def test_among_very_many_names_the_nearest_is_found_too() -> None:
    units = units_of([f"plate{number % 7}/sample_{number:05d}.faa" for number in range(5000)])
    for wrong, near in (
        ("sample_1234.faa", "sample_"),
        ("plate3/sample_00017.fasta", "plate3/sample_00017.faa"),
        ("simple_04321.faa", "sample_04321.faa"),
    ):
        with pytest.raises(UnknownName, match=f"The nearest is .*{near}"):
            find_files(units, [wrong])


@pytest.mark.parametrize(
    ("names", "found"),
    [
        (("cuda:1",), ("cuda:1",)),
        (("cuda:0",), ("cuda:0/0", "cuda:0/1")),
        (("cuda:0/1", "cuda:0"), ("cuda:0/1", "cuda:0/0")),
        (("n/cuda:0", "cpu:0"), ("n/cuda:0/0", "cpu:0")),
        (("cuda:3", "cuda:0/2"), ("cuda:3", "cuda:0/2")),
        ((), ()),
    ],
)
def test_a_card_means_its_workers(names: tuple[str, ...], found: tuple[str, ...]) -> None:
    devices = ("cuda:0/0", "cuda:0/1", "cuda:1", "cpu:0", "n/cuda:0/0")
    assert find_devices(names, devices) == found


def test_a_device_that_has_a_card_s_name_is_meant_alone() -> None:
    assert find_devices(("cuda:0",), ("cuda:0", "cuda:0/1")) == ("cuda:0",)
