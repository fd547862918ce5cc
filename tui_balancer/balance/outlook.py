"""Estimates over all devices, kept for a moment instead of being made anew at every step.

Looking at every device costs more than a decision may on a thousand of them, and the
answers hardly change: at steady rates the moments at which queues and run will end stand
still. So they are kept for a hundredth of the time that is left.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterator

from tui_balancer.balance.device_record import DeviceRecord
from tui_balancer.balance.roster import Roster
from tui_balancer.balance.stealing import Victim

KEPT_SHARE = 0.01
KEPT_SECONDS = 0.25
"""An estimate is good for this share of the time left, or this long when little is left."""


class Outlook:
    """When the run would end if work were spread evenly, and who would be last otherwise."""

    def __init__(self, roster: Roster) -> None:
        self._roster = roster
        self._good_until = float("-inf")
        self._even_end: float | None = None
        self._order: list[tuple[float, int]] = []
        self._keys: dict[int, tuple[float, int]] = {}
        self._records = list(roster)

    def forget(self) -> None:
        """Estimate anew next time: devices or queues have changed out of turn."""
        self._good_until = float("-inf")

    def even_end(self, now: float) -> float | None:
        """Return the seconds to the end of the run if all work were spread evenly by rate."""
        self._refresh(now)
        return None if self._even_end is None else max(0.0, self._even_end - now)

    def victims(self, thief: DeviceRecord, now: float) -> Iterator[Victim]:
        """Return the other devices at work with something waiting, about longest first."""
        self._refresh(now)
        for _, position in self._order:
            record = self._records[position]
            if record is not thief and record.queue and not record.free:
                yield self._roster.victim(record, now)

    def robbed(self, record: DeviceRecord, now: float) -> None:
        """Put a device in its new place after it lost a unit, that thieves take turns."""
        key = self._keys.get(record.position)
        if key is not None:
            del self._order[bisect_left(self._order, key)]
            self._enter(record, now)

    def _refresh(self, now: float) -> None:
        if now < self._good_until:
            return
        left = self._roster.even_end(now)
        self._even_end = None if left is None else now + left
        # Before the first rate there is nothing to keep: any report may bring it.
        self._good_until = now if left is None else now + max(KEPT_SECONDS, left * KEPT_SHARE)
        self._order.clear()
        self._keys.clear()
        for record in self._records:
            if record.queue and not record.free:
                self._enter(record, now)

    def _enter(self, record: DeviceRecord, now: float) -> None:
        key = (-(self._roster.remaining_seconds(record, now) or 0.0), record.position)
        self._keys[record.position] = key
        insort(self._order, key)
