"""The initial assignment of files to the queues."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from heapq import heapify, heapreplace
from operator import attrgetter
from statistics import median

from tui_balancer.scheduler.model import DeviceSpec, Unit

FEW = 100
"""Maximum number of units for pairwise exchanges; more pairs would take too long."""

_number = attrgetter("unit_id")
_cost = attrgetter("cost")


def assign_files_weighted(
    units: Iterable[Unit], devices: Sequence[DeviceSpec], loads: Sequence[float] | None = None
) -> dict[str, tuple[Unit, ...]]:
    """Assign units by weighted greedy bin packing.

    Units are assigned by descending cost, each to the device with the smallest `load / weight`
    before it is added. Ties go to the higher weight, so that the largest file starts on the
    fastest device, then to device order; equal costs keep input order. The same input always
    gives the same queues. Takes O(n log n).

    Args:
        devices: The devices, with positive weights. A rate from earlier runs replaces the weight.
        loads: FLOPs that each device has to do before; nothing by default.

    Returns:
        The units of every device by descending cost; () for a device without any.
    """
    queues: list[list[Unit]] = [[] for _ in devices]
    totals = [0.0] * len(devices) if loads is None else list(loads)
    # The heap's order is the rule: load / weight, then higher weight, then position.
    heap = [
        (totals[position] / speed, -speed, position)
        for position, speed in enumerate(known_speeds(devices))
    ]
    heapify(heap)
    # Two stable sorts by existing values: tuples as keys would cost 100 bytes per unit.
    for unit in sorted(sorted(units, key=_number), key=_cost, reverse=True):
        _, minus_speed, position = heap[0]
        queues[position].append(unit)
        totals[position] += unit.cost
        heapreplace(heap, (totals[position] / -minus_speed, minus_speed, position))
    return {spec.device: tuple(queue) for spec, queue in zip(devices, queues, strict=True)}


def assign_files_evenly(
    units: Iterable[Unit], devices: Sequence[DeviceSpec]
) -> dict[str, tuple[Unit, ...]]:
    """Assign units like `assign_files_weighted`, then improve the result locally.

    With few units the greedy packing can end some per cent after the optimum. While the last
    device can finish sooner by giving away or exchanging a unit, without another device finishing
    later than it did, the best such change is made. With more than `FEW` units the packing is
    already near the optimum.
    """
    queues = assign_files_weighted(units, devices)
    if sum(map(len, queues.values())) > FEW:
        return queues
    speeds = dict(zip(queues, known_speeds(devices), strict=True))
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
    """Return the best exchange of the last device; None if none helps."""
    ends = {device: sum(map(_cost, share)) / speeds[device] for device, share in shares.items()}
    last = max(ends, key=lambda device: ends[device])
    # Without this limit, rounding errors would count as gains for ever.
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


def known_speeds(devices: Sequence[DeviceSpec]) -> list[float]:
    """Return relative speeds: known rates, or weights on their scale."""
    scales = [spec.rate / spec.weight for spec in devices if spec.rate is not None]
    scale = median(scales) if scales else 1.0
    return [spec.weight * scale if spec.rate is None else spec.rate for spec in devices]
