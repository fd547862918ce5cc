"""The rows of the device table: devices, grouped by node or, if there are many, by hardware."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, fields, replace
from typing import Final

from tui_balancer.device_names import device_name
from tui_balancer.formatting import NONE, estimate
from tui_balancer.scheduler.model import DeviceMetrics, DeviceState
from tui_balancer.ui.state.forecast import HELD, LATE, fluid_end
from tui_balancer.view.handle import Phase, RunSnapshot

GROUPED_FROM: Final = 13
"""From this number on, devices of one machine are grouped by hardware, and groups are folded."""

MOST_OUTLIERS: Final = 5
"""Number of devices that a folded group shows."""

_COUNTS: Final = tuple(one.name for one in fields(DeviceMetrics) if one.default == 0)
"""Figures that begin at 0; of a group they are the sum of its devices'."""


@dataclass(frozen=True, slots=True)
class DeviceRow:
    """A device, or a group of devices with their sums.

    Attributes:
        finished: Whether it has no work left.
        members: Number of devices of the group; 0 for a device.
        busy: Number of devices of the group that compute.
        dead: Number of dead devices of the group.
        folded: Whether the group shows only its outliers.
        group: Name of the group, also for its devices; empty without groups.
        repeated: Whether a row above is of the same card, and shows the card's figures.
    """

    metrics: DeviceMetrics
    finished: bool = False
    members: int = 0
    busy: int = 0
    dead: int = 0
    folded: bool = False
    group: str = ""
    repeated: bool = False

    @property
    def key(self) -> tuple[bool, str]:
        """Unique key of the row."""
        return bool(self.members), self.metrics.name if self.members else self.metrics.device


def device_rows(snapshot: RunSnapshot, toggled: Collection[str]) -> tuple[DeviceRow, ...]:
    """Return the devices in order; those of a cluster, or many, in groups, each under a row.

    Args:
        toggled: Groups that the user has folded or unfolded.
    """
    devices = snapshot.devices
    many = len(devices) >= GROUPED_FROM
    if not many and not any(device_name(one.device).node for one in devices):
        return _repeating([DeviceRow(one, is_finished(one, snapshot)) for one in devices])
    groups: dict[str, list[DeviceMetrics]] = {}
    for one in devices:
        groups.setdefault(device_name(one.device).node or one.name, []).append(one)
    rows: list[DeviceRow] = []
    for name, members in groups.items():
        folded = many != (name in toggled)
        rows.append(_group(name, members, folded))
        shown = outliers(members, snapshot) if folded else members
        rows += [DeviceRow(one, is_finished(one, snapshot), group=name) for one in shown]
    return _repeating(rows)


def _repeating(rows: Sequence[DeviceRow]) -> tuple[DeviceRow, ...]:
    """Return rows of which only the first of each card shows the card's figures."""
    seen: set[str] = set()
    told: list[DeviceRow] = []
    for row in rows:
        card = device_name(row.metrics.device).card
        told.append(replace(row, repeated=True) if not row.members and card in seen else row)
        seen.add(card)
    return tuple(told)


def outliers(members: Sequence[DeviceMetrics], snapshot: RunSnapshot) -> list[DeviceMetrics]:
    """Return the outliers, worst first: dead, late, paused, or idle while there is work.

    A device is late if it needs more than `forecast.LATE` times the bound.
    """
    bound = fluid_end(snapshot.devices)

    def rank(one: DeviceMetrics) -> tuple[int, float]:
        ends = one.finish_seconds or 0.0
        if one.state is DeviceState.DEAD:
            return 0, 0.0
        if one.state not in HELD and bound is not None and ends > bound * LATE:
            return 1, -ends
        if one.state is DeviceState.PAUSED:
            return 2, 0.0
        idle = one.state is DeviceState.IDLE and not is_finished(one, snapshot)
        return (3, 0.0) if idle else (4, 0.0)

    ranked = sorted((one for one in members if rank(one)[0] < 4), key=rank)
    return ranked[:MOST_OUTLIERS]


def is_finished(device: DeviceMetrics, snapshot: RunSnapshot) -> bool:
    """Whether a device has no work left because the run is ending, and not because it failed."""
    if device.queued_files:
        return False
    if device.state is DeviceState.STOPPED:
        return not snapshot.totals.waiting
    if device.state is not DeviceState.IDLE or snapshot.phase is Phase.LOADING:
        return False
    ending = snapshot.phase in (Phase.DRAINING, Phase.STOPPING, Phase.FINISHED)
    return ending or not snapshot.totals.waiting or not snapshot.stealing


def ends_in(device: DeviceMetrics, *, finished: bool) -> str:
    """Return when a device finishes all its work, as text; a dash for one without work."""
    if finished:
        return "done"
    if device.running is None and not device.queued_files:
        return NONE
    return estimate(device.finish_seconds)


def _group(name: str, members: Sequence[DeviceMetrics], folded: bool) -> DeviceRow:
    shares = [one.utilisation for one in members if one.utilisation is not None]
    ends = [one.finish_seconds for one in members if one.finish_seconds is not None]
    metrics = DeviceMetrics(
        device="",
        name=name,
        state=DeviceState.BUSY,
        weight=members[0].weight,
        utilisation=sum(shares) / len(shares) if shares else None,
        sequences_per_second=_total([one.sequences_per_second for one in members]),
        residues_per_second=_total([one.residues_per_second for one in members]),
        finish_seconds=max(ends, default=None),
        **{name: sum(getattr(one, name) for one in members) for name in _COUNTS},
    )
    return DeviceRow(
        metrics,
        members=len(members),
        busy=sum(one.state is DeviceState.BUSY for one in members),
        dead=sum(one.state is DeviceState.DEAD for one in members),
        folded=folded,
        group=name,
    )


def _total(figures: Sequence[float | None]) -> float | None:
    known = [figure for figure in figures if figure is not None]
    return sum(known) if known else None
