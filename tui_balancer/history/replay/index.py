"""What a replay knows of a run beforehand: all that does not change from moment to moment."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from tui_balancer.history.history import RunHistory
from tui_balancer.history.replay.queues import QueueHistory
from tui_balancer.scheduler.events import DeviceEvent
from tui_balancer.scheduler.model import Totals
from tui_balancer.view.spans import Span


class ReplayIndex:
    """Worked out once, read by every `Stage`.

    Args:
        history: The run.
        held: Its spans.

    Attributes:
        events: All of the run, oldest first.
        units: Every file as a unit at its number.
        spans: By unit, epoch and start.
        rates: FLOP/s of each device over all that it computed.
        members: The files of every unit, by their numbers.
        shards: Of each shard, the number of its file.
        totals: What there is to be done.
        devices: In the order in which they were first heard of.
        hardware: Name and weight of each device.
        waits: Where units wait.
    """

    def __init__(self, history: RunHistory, held: Iterable[Span]) -> None:
        self.events, self.units = history.events, history.units
        self.spans = {(span.unit_id, span.epoch, span.start): span for span in held}
        self.rates = _rates(self.spans.values())
        self.members: dict[int, Sequence[int]] = _members(history)
        self.shards = {unit.unit_id: unit.whole for unit in self.units if unit.whole is not None}
        self.totals = Totals(
            files=sum(unit.inputs for unit in self.units),
            sequences=sum(unit.sequences for unit in self.units),
            residues=sum(unit.residues for unit in self.units),
            cost=sum(unit.cost for unit in self.units),
        )
        self.devices = tuple(
            dict.fromkeys(one.device for one in self.events if isinstance(one, DeviceEvent))
        )
        self.hardware = {
            one.device: (one.name, one.weight)
            for session in history.sessions
            for one in session.devices
        }
        loads = {
            unit: (len(files), sum(self.units[number].cost for number in files))
            for unit, files in self.members.items()
        }
        # A divided file waits for its shards, and for no device.
        waiting = {row.file.unit for row in history.files if not row.file.shards}
        self.waits = QueueHistory(self.events, waiting, loads)


def _members(history: RunHistory) -> dict[int, Sequence[int]]:
    members: defaultdict[int, list[int]] = defaultdict(list)
    for row in history.files:
        members[row.file.unit].append(row.file.file_id)
    # The files of a bundle that was broken up were leased alone in the end.
    return {number: members.get(number) or [number] for number in range(len(history.files))}


def _rates(held: Iterable[Span]) -> dict[str, float]:
    cost: defaultdict[str, float] = defaultdict(float)
    seconds: defaultdict[str, float] = defaultdict(float)
    for span in held:
        cost[span.device] += span.cost
        seconds[span.device] += span.compute_seconds
    return {device: cost[device] / took for device, took in seconds.items() if took > 0}
