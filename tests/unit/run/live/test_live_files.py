"""Files that are added are given to the coordinator in slices."""

from __future__ import annotations

from msgspec.structs import replace

from tests.support.ledger_story import file
from tui_balancer.run.live.live_files import slices


def numbers(units: list[int], wholes: dict[int, int], most: int) -> list[list[int]]:
    """Return the numbers of the files of each slice, from the units of files 10, 11, …"""
    files = [
        replace(file(number, unit=unit), whole=wholes.get(number, -1))
        for number, unit in enumerate(units, start=10)
    ]
    return [[one.file_id for one in some] for some in slices(files, most)]


def test_a_slice_has_so_many_files_and_the_last_one_the_rest() -> None:
    assert numbers([10, 11, 12, 13, 14], {}, 2) == [[10, 11], [12, 13], [14]]
    assert numbers([10, 11], {}, 2) == [[10, 11]]


def test_no_bundle_is_cut_whatever_lies_between_its_files() -> None:
    assert numbers([10, 11, 10, 13, 14], {}, 1) == [[10, 11, 12], [13], [14]]


def test_a_divided_file_stays_with_its_shards() -> None:
    assert numbers([10, 11, 12, 13, 14], {12: 11, 13: 11}, 1) == [[10], [11, 12, 13], [14]]
