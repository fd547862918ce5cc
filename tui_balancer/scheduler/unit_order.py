"""Units in their order as bytes, as events carry them."""

from __future__ import annotations

from array import array
from collections.abc import Iterable

from tui_balancer.scheduler.model import Unit


def queue_order(units: Iterable[Unit]) -> bytes:
    """Return the numbers of the files of units in their order, as 32-bit integers.

    Files that share a unit with the previous one are encoded as -1 minus the number.
    """
    units = list(units)
    if not any([unit.parts for unit in units]):  # noqa: C419 - half the time
        return array("i", [unit.unit_id for unit in units]).tobytes()
    order = array("i")
    for unit in units:
        order.append(unit.unit_id)
        if unit.parts:
            order.extend([~part.unit_id for part in unit.parts[1:]])
    return order.tobytes()


def first_numbers(order: bytes) -> list[int]:
    """Return the number of each unit that `queue_order` has encoded."""
    return [number for number in array("i", order) if number >= 0]


def file_numbers(order: bytes) -> list[int]:
    """Return the numbers of all files that `queue_order` has encoded."""
    return [number if number >= 0 else ~number for number in array("i", order)]


def files_by_unit(order: bytes) -> list[tuple[int, ...]]:
    """Return the numbers of the files of each unit that `queue_order` has encoded."""
    numbers = array("i", order)
    if min(numbers, default=0) >= 0:
        return list(zip(numbers))
    units: list[list[int]] = []
    for number in numbers:
        if number >= 0:
            units.append([number])
        else:
            units[-1].append(~number)
    return list(map(tuple, units))
