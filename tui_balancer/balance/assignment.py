"""The first distribution of files over the queues."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from heapq import heapify, heapreplace
from operator import attrgetter
from statistics import median

from tui_balancer.balance.model import DeviceSpec, Unit

_number = attrgetter("unit_id")
_cost = attrgetter("cost")


def assign_files_weighted(
    units: Iterable[Unit], devices: Sequence[DeviceSpec]
) -> dict[str, tuple[Unit, ...]]:
    """Distribute units by weighted greedy bin packing.

    The costliest unit comes first; each goes to the device whose `load / weight` is least
    before it is added. Among equal loads the greater weight comes first, so that the largest
    file starts on the fastest device, then device order; equal costs keep input order. The
    same input always gives the same queues. Takes O(n log n).

    Args:
        units: What to distribute.
        devices: Who is there, with positive weights. A rate that is known from earlier runs
            stands for the weight.

    Returns:
        For every device its units, costliest first; () for a device that gets none.
    """
    queues: list[list[Unit]] = [[] for _ in devices]
    # The heap's order is the rule itself: load / weight, then greater weight, then position.
    loads = [(0.0, -speed, position) for position, speed in enumerate(_speeds(devices))]
    totals = [0.0] * len(devices)
    heapify(loads)
    # Two stable sorts by what is there already: tuples as keys would cost 100 bytes a unit.
    for unit in sorted(sorted(units, key=_number), key=_cost, reverse=True):
        _, minus_speed, position = loads[0]
        queues[position].append(unit)
        totals[position] += unit.cost
        heapreplace(loads, (totals[position] / -minus_speed, minus_speed, position))
    return {spec.device: tuple(queue) for spec, queue in zip(devices, queues, strict=True)}


def _speeds(devices: Sequence[DeviceSpec]) -> list[float]:
    """Return relative speeds: rates where they are known, weights on their scale elsewhere."""
    scales = [spec.rate / spec.weight for spec in devices if spec.rate is not None]
    scale = median(scales) if scales else 1.0
    return [spec.weight * scale if spec.rate is None else spec.rate for spec in devices]
