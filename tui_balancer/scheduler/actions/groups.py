"""Events of many units: those that a command takes from one device share an event."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, TypeVar

from tui_balancer.scheduler.model import Unit, name_together
from tui_balancer.scheduler.unit_order import queue_order

SINGLE_EVENTS: Final = 100
"""Most units of a command that have an event each, which names them; with more, an answer would
take too long, and the log would have nothing else."""
Home = TypeVar("Home", str, tuple[str, str])


def by_home(units: Iterable[Unit], homes: Mapping[int, str]) -> dict[str, list[Unit]]:
    """Return the units of each device, in their order.

    Args:
        homes: The device of each unit, by its number.
    """
    found: defaultdict[str, list[Unit]] = defaultdict(list)
    for unit in units:
        found[homes[unit.unit_id]].append(unit)
    return found


def groups(shares: Mapping[Home, list[Unit]]) -> Iterator[tuple[Home, list[Unit]]]:
    """Yield the units that share an event, in their order, and what they have in common.

    Args:
        shares: All units of a command, by their device, or by the devices before and after.
    """
    single = sum(map(len, shares.values())) <= SINGLE_EVENTS
    for home, units in shares.items():
        if single:
            yield from ((home, [unit]) for unit in units)
        elif units:
            yield home, units


def event_fields(units: Sequence[Unit]) -> tuple[int, str]:
    """Return the number and the name of units that share an event."""
    first, *others = units
    if not others:
        return first.unit_id, first.name
    named = first.parts[0] if first.parts else first
    return first.unit_id, name_together(sum([unit.files for unit in units]), named)


def event_units(units: Sequence[Unit]) -> bytes:
    """Return the field `units` of a `GroupEvent`."""
    single = len(units) == 1 and not units[0].parts
    return b"" if single else queue_order(units)
