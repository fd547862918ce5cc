"""Finds files of a run by the names that a person types."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from difflib import get_close_matches
from fnmatch import translate
from heapq import nlargest
from itertools import takewhile
from typing import Final

from msgspec import Struct

from tui_balancer.device_names import device_name
from tui_balancer.scheduler.model import Ended, Unit
from tui_balancer.scheduler.read_api import Places
from tui_balancer.view.handle import RunHandle

_COMPARED: Final = 200
"""Number of names that are compared with an unknown one."""

_MANY: Final = 500
"""Number of names above which most are not looked at letter by letter."""

_FEW: Final = 4
"""Number of names that are looked for one by one in every path."""

_NO_EVENT: Final = -1


class UnknownName(Exception):
    """A name means no file or device of the run, or several; the message has the nearest name."""


class FileSelection(Struct, frozen=True, forbid_unknown_fields=True):
    """Files that a person means; those of all three ways together.

    Attributes:
        names: Names of files, or the unique ends of their paths.
        failed: Whether all failed files belong to it.
        waiting: A glob for names of waiting files; empty for none. Without a slash it is matched
            with the last part of the path.
    """

    names: tuple[str, ...] = ()
    failed: bool = False
    waiting: str = ""


def find_devices(names: Iterable[str], devices: Sequence[str]) -> tuple[str, ...]:
    """Return devices by their names, each once; the name of a card means all of its workers.

    Args:
        names: Names of devices, of cards, or of what the run does not have, which stays.
        devices: The run's.
    """
    found: dict[str, None] = {}
    for name in names:
        of_card = [one for one in devices if device_name(one).card == name]
        found |= dict.fromkeys([name] if name in devices else of_card or [name])
    return tuple(found)


def find_files(
    units: Sequence[Unit], names: Sequence[str], devices: Iterable[str] = ()
) -> list[int]:
    """Return the number of each file by its name, or by the unique end of its path.

    Args:
        units: Every file, at its number; with 100,000 files this takes some milliseconds.
        devices: Names that are no files, for the nearest name in the refusal.

    Raises:
        UnknownName: The first name that means no file, or several.
    """
    known = [unit.name for unit in units]
    alike: dict[str, list[int]] = {_last(name): [] for name in names}
    ends = tuple(alike) if len(alike) <= _FEW else ("",)
    for number in [number for number, one in enumerate(known) if one.endswith(ends)]:
        if (last := _last(known[number])) in alike:
            alike[last].append(number)
    return [_chosen(known, alike[_last(name)], name, devices) for name in names]


def select_files(run: RunHandle, selection: FileSelection) -> tuple[int, ...]:
    """Return the numbers of the selected files, each once: names in their order, then the others.

    Raises:
        UnknownName: A name means no file, or nothing is selected.
    """
    # The places first: files are among the units before they have a place.
    places = run.places(_NO_EVENT) if selection.failed or selection.waiting else None
    units = run.units()
    if not units:
        raise UnknownName("the files of the run are not known yet")
    chosen = find_files(units, selection.names) if selection.names else []
    if selection.failed and places is not None:
        failed = _failed(units, places)
        if not failed:
            raise UnknownName("no file has failed")
        chosen += failed
    if selection.waiting and places is not None:
        waiting = _waiting(units, places, selection.waiting)
        if not waiting:
            raise UnknownName(f"no waiting file matches {selection.waiting!r}")
        chosen += waiting
    return tuple(dict.fromkeys(chosen))


def _chosen(known: Sequence[str], numbers: Sequence[int], name: str, devices: Iterable[str]) -> int:
    """Return the file that a name means, of those whose paths have the same last part."""
    found = [number for number in numbers if known[number] == name]
    found = found or [number for number in numbers if _same_end(known[number], name)]
    if len(found) == 1:
        return found[0]
    if found:
        some = " and ".join(known[number] for number in found[:2])
        raise UnknownName(f"{name!r} may be {some}: write more of its path")
    others = list(devices)
    what = "neither a file nor a device" if others else "not a file"
    near = _nearest(name, [*others, *known])
    hint = f" The nearest is {near}." if near else ""
    raise UnknownName(f"{name!r} is {what} of this run.{hint}")


def _failed(units: Sequence[Unit], places: Places) -> list[int]:
    ended = enumerate(places.ended[: len(units)])
    return [number for number, how in ended if how == Ended.FAILED and units[number].whole is None]


def _waiting(units: Sequence[Unit], places: Places, glob: str) -> list[int]:
    waits = bytearray(len(units))
    for queue in places.queues.values():
        for number in queue:
            waits[number] = 1
    # A shard waits for its file, whose name the person knows.
    return [
        number
        for number in _matching([unit.name for unit in units], glob)
        if (waits[number] or any(waits[shard] for shard in units[number].shards))
        and units[number].whole is None
    ]


def _matching(names: Sequence[str], glob: str) -> list[int]:
    """Return the numbers of names that match a glob."""
    matches = re.compile(translate(glob)).match
    # Most names lack a plain part of the glob, and that is seen much faster.
    plain = max(re.split(r"[*?]", glob.partition("[")[0]), key=len)
    likely = [number for number, name in enumerate(names) if plain in name]
    if "/" in glob:
        return [number for number in likely if matches(names[number])]
    return [number for number in likely if matches(names[number].rpartition("/")[2])]


def _last(name: str) -> str:
    """Return the last part of a path."""
    return name.rpartition("/")[2]


def _same_end(known: str, name: str) -> bool:
    return known.endswith(f"/{name}") or name.endswith(f"/{known}")


def _nearest(name: str, names: Sequence[str]) -> str:
    """Return the most similar name; empty if there is none."""

    def alike(one: str) -> int:
        return _same_letters(name, one) + _same_letters(reversed(name), reversed(one))

    likely = nlargest(_COMPARED, _shortlist(name, names), key=alike)
    return next(iter(get_close_matches(name, likely, 1, 0.0)), "")


def _shortlist(name: str, names: Sequence[str]) -> Sequence[str]:
    """Return, of very many names, some that share the longest beginning or end with a file's."""
    if len(names) <= _MANY:
        return names
    last = _last(name)
    ways: tuple[Callable[[int], str], ...] = (
        lambda length: last[:length],
        lambda length: last[len(last) - length :],
    )
    short: list[str] = []
    for part in ways:
        # Every name has the empty part; each step halves the lengths that are left.
        best, low, high = names, 1, len(last)
        while low <= high:
            middle = (low + high) // 2
            if found := _with(part(middle), best):
                best, low = found, middle + 1
            else:
                high = middle - 1
        short += best[:_MANY]
    return short


def _with(part: str, names: Sequence[str]) -> list[str]:
    return [one for one in names if part in one]


def _same_letters(one: Iterable[str], other: Iterable[str]) -> int:
    """Return the length of the common prefix of two texts."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))
