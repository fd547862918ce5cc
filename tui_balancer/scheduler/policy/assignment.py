"""The first distribution of files over the queues."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from heapq import heapify, heapreplace
from operator import attrgetter
from statistics import median

from tui_balancer.scheduler.model import DeviceSpec, Unit

FEW = 100
"""Units that are exchanged one by one; trying all pairs of more would take too long."""

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


def assign_files_evenly(
    units: Iterable[Unit], devices: Sequence[DeviceSpec]
) -> dict[str, tuple[Unit, ...]]:
    """Distribute units as `assign_files_weighted` does, then even out what that leaves.

    Of few units the greedy packing can end some per cent after the optimum. While the device
    that ends last can end sooner by giving a unit away, or by exchanging one, with no other
    device ending later than it did, the best such change is made. Of more than `FEW` units the
    packing is near the optimum by itself.
    """
    queues = assign_files_weighted(units, devices)
    if sum(map(len, queues.values())) > FEW:
        return queues
    speeds = dict(zip(queues, _speeds(devices), strict=True))
    shares = {device: list(queue) for device, queue in queues.items()}
    while (change := _best_change(shares, speeds)) is not None:
        source, given, target, taken = change
        for device, out, into in ((source, given, taken), (target, taken, given)):
            shares[device] = [unit for unit in shares[device] if unit is not out]
            shares[device] += [into] if into is not None else []
    return {
        device: tuple(sorted(sorted(share, key=_number), key=_cost, reverse=True))
        for device, share in shares.items()
    }


def _best_change(
    shares: dict[str, list[Unit]], speeds: dict[str, float]
) -> tuple[str, Unit, str, Unit | None] | None:
    """Return what the last device gives to whom, and gets; None where nothing helps."""
    ends = {device: sum(map(_cost, share)) / speeds[device] for device, share in shares.items()}
    last = max(ends, key=lambda device: ends[device])
    # Gains that are rounding errors would never end.
    best, change = ends[last] * (1 - 1e-9), None
    for other in shares:
        if other == last:
            continue
        for given in shares[last]:
            for taken in (None, *shares[other]):
                moved = given.cost - (taken.cost if taken is not None else 0.0)
                end = max(ends[last] - moved / speeds[last], ends[other] + moved / speeds[other])
                if end < best:
                    best, change = end, (last, given, other, taken)
    return change


def _speeds(devices: Sequence[DeviceSpec]) -> list[float]:
    """Return relative speeds: rates where they are known, weights on their scale elsewhere."""
    scales = [spec.rate / spec.weight for spec in devices if spec.rate is not None]
    scale = median(scales) if scales else 1.0
    return [spec.weight * scale if spec.rate is None else spec.rate for spec in devices]
