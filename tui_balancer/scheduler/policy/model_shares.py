"""Divides the work of several models among devices so that few of them change their model."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import chain

from tui_balancer.scheduler.model import DeviceSpec, Unit

Shares = dict[str, dict[int, float]]
"""By device and model: the FLOPs that a device should do of it, in the order of work."""

Assign = Callable[[Iterable[Unit], Sequence[DeviceSpec]], dict[str, tuple[Unit, ...]]]
"""Assigns the units of one model to devices, see `assignment`."""


def model_shares(
    costs: Mapping[int, float],
    devices: Sequence[DeviceSpec],
    speeds: Sequence[float],
    loads: Callable[[int], float] = lambda _: 0.0,
) -> Shares:
    """Return what each device should do of each model, in proportion to the speeds.

    The models' work is laid end to end and cut into one piece a device, so that of M models on
    any number of devices at most M - 1 cuts lie within a model's neighbour: M - 1 devices have
    two models, or, with fewer devices than models, each has a run of them. Devices that have a
    model loaded get its work first. A further model that takes longer to load than to compute is
    left to the other devices that have it.

    Args:
        costs: FLOPs of each model.
        speeds: Their FLOP/s, or relative ones.
        loads: Seconds to load a model; 0 where speeds are relative.
    """
    whole, together = sum(costs.values()), sum(speeds)
    order = sorted(range(len(devices)), key=lambda place: (devices[place].model, place))
    models = sorted(costs)
    shares: Shares = {spec.device: {} for spec in devices}
    left = {model: costs[model] for model in models}
    for number, place in enumerate(order):
        room = whole * speeds[place] / together
        last = number == len(order) - 1
        share = shares[devices[place].device]
        for model in models:
            taken = left[model] if last else min(left[model], room)
            if taken > whole * 1e-9:
                share[model] = taken
                left[model] -= taken
                room -= taken
    speed_of = {spec.device: speed for spec, speed in zip(devices, speeds, strict=True)}
    _leave_out_small(shares, speed_of, loads)
    return {
        spec.device: dict(
            sorted(shares[spec.device].items(), key=lambda one: (one[0] != spec.model, one[0]))
        )
        for spec in devices
    }


def assign_by_model(
    units: Iterable[Unit],
    devices: Sequence[DeviceSpec],
    speeds: Sequence[float],
    loads: Callable[[int], float],
    assign: Assign,
) -> dict[str, tuple[Unit, ...]]:
    """Assign units of several models: each model's in the proportion of its shares.

    Args:
        speeds: See `model_shares`.
        loads: See `model_shares`.
        assign: Assigns the units of one model by the weights of devices.

    Returns:
        The units of every device, those of one model side by side.
    """
    by_model: dict[int, list[Unit]] = {}
    for unit in units:
        by_model.setdefault(unit.model, []).append(unit)
    costs = {model: sum(unit.cost for unit in own) for model, own in by_model.items()}
    shares = model_shares(costs, devices, speeds, loads)
    queues: dict[str, dict[int, tuple[Unit, ...]]] = {spec.device: {} for spec in devices}
    for model, own in by_model.items():
        takers = [
            replace(spec, weight=shares[spec.device][model], rate=None)
            for spec in devices
            if model in shares[spec.device]
        ]
        # Work without a cost has no shares.
        for device, queue in assign(own, takers or devices[:1]).items():
            queues[device][model] = queue
    return {
        spec.device: tuple(
            chain.from_iterable(
                queues[spec.device].get(model, ())
                for model in dict.fromkeys((*shares[spec.device], *by_model))
            )
        )
        for spec in devices
    }


def _leave_out_small(
    shares: Shares, speeds: Mapping[str, float], loads: Callable[[int], float]
) -> None:
    """Give shares that take less time than a change of the model to others with that model."""
    for device, share in shares.items():
        for model in [*share][1:]:
            others = [one for one in shares if one != device and model in shares[one]]
            if others and share[model] < loads(model) * speeds[device]:
                given = share.pop(model)
                together = sum(shares[one][model] for one in others)
                for one in others:
                    shares[one][model] += given * shares[one][model] / together
