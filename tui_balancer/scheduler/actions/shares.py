"""Divides units among devices by the finish times of these."""

from __future__ import annotations

from collections.abc import Sequence
from heapq import heapify, heapreplace
from operator import attrgetter

from tui_balancer.scheduler.model import Unit
from tui_balancer.scheduler.state.device_record import DeviceRecord
from tui_balancer.scheduler.state.model_work import units_by_model
from tui_balancer.scheduler.state.state import SchedulerState


def share_by_end(
    state: SchedulerState, units: Sequence[Unit], heirs: Sequence[DeviceRecord]
) -> list[tuple[DeviceRecord, list[Unit]]]:
    """Return the devices that get units, with their shares, the largest units first.

    Each unit, the largest first, goes to the device that finishes first; units of a model go to
    the devices that work with it.
    """
    pool, now = state.device_pool, state.clock()
    shares: list[list[Unit]] = [[] for _ in heirs]
    ends = [pool.remaining_seconds(one, now) or one.queue.cost / one.spec.weight for one in heirs]
    largest_first = sorted(units, key=attrgetter("cost"), reverse=True)
    for model, own in units_by_model(largest_first).items():
        speeds = [pool.rate(one, model) or one.spec.weight for one in heirs]
        takers = [
            number
            for number, one in enumerate(heirs)
            if model == one.model or model in one.queue.by_model
        ]
        heap = [(ends[one], -speeds[one], one) for one in takers or range(len(heirs))]
        if len(heap) == 1:
            _, minus_speed, number = heap[0]
            shares[number] += own
            ends[number] -= sum(unit.cost for unit in own) / minus_speed
            continue
        heapify(heap)
        for unit in own:
            end, minus_speed, number = heap[0]
            shares[number].append(unit)
            ends[number] = end - unit.cost / minus_speed
            heapreplace(heap, (ends[number], minus_speed, number))
    return [(heir, share) for heir, share in zip(heirs, shares, strict=True) if share]
