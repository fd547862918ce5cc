"""Drains devices that have had nothing left to do for a while (`--release-idle`)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tui_balancer.formatting import duration
from tui_balancer.scheduler.commands import Command, DrainDevice, Outcome, StartDevice
from tui_balancer.scheduler.model import DeviceMetrics, DeviceState, Totals

_WITHOUT_WORKER = (DeviceState.DRAINED, DeviceState.DEAD, DeviceState.STOPPED)


class IdleRelease:
    """Drains idle devices, and starts those again when there is work for them.

    That is so when files were added, or when files wait and no other device is left. A device that
    a person drained stays so.

    Args:
        seconds: How long a device is idle first.
        execute: Executes a command, or refuses it.
        clock: Seconds that never go back.
    """

    def __init__(
        self, seconds: float, execute: Callable[[Command], Outcome], clock: Callable[[], float]
    ) -> None:
        self._seconds = seconds
        self._execute = execute
        self._clock = clock
        self._idle_since: dict[str, float] = {}
        # The number of files that the run had when each was drained.
        self._released: dict[str, int] = {}

    def tick(self, rows: Sequence[DeviceMetrics], totals: Totals) -> None:
        """Drain and start devices; about every second is enough.

        Args:
            rows: The devices, of a run whose files are assigned.
            totals: Counts over the run.
        """
        now = self._clock()
        alone = totals.waiting > 0 and all(row.state in _WITHOUT_WORKER for row in rows)
        for row in rows:
            if row.state is DeviceState.DRAINED:
                then = self._released.get(row.device)
                if then is not None and (alone or totals.files > then):
                    self._execute(StartDevice(row.device, "files wait"))
            elif row.state is not DeviceState.IDLE or row.queued_files:
                self._idle_since.pop(row.device, None)
                self._released.pop(row.device, None)
            elif now - self._idle_since.setdefault(row.device, now) >= self._seconds:
                del self._idle_since[row.device]
                idle = f"idle for {duration(self._seconds)}"
                if self._execute(DrainDevice(row.device, idle)).accepted:
                    self._released[row.device] = totals.files
