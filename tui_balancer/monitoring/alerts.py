"""What a person wants to be told of a run, once a cause and not too often."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import Enum
from typing import Final

from tui_balancer.failures import FailureCause
from tui_balancer.formatting import plural
from tui_balancer.scheduler.events import DeviceEvent, Event, FailureEvent
from tui_balancer.scheduler.model import DeviceState
from tui_balancer.view.handle import RunSummary
from tui_balancer.view.status import RunStatus
from tui_balancer.view.summary_text import exit_code, summary_lines

FORMAT: Final = 1
"""See `Notification.format`."""

PAUSE_SECONDS: Final = 60.0
"""Minimum seconds between two notifications; only that of the end does not wait."""

CALM_SECONDS: Final = 600.0
"""A run that is held again within this time after it was resumed is held for the same cause."""


class AlertKind(str, Enum):
    """What happened; the words are stable."""

    FAILED = "failed"
    HELD = "held"
    DEVICE_DIED = "device_died"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class Alert:
    """Something that happened for the first time.

    Attributes:
        kind: What happened.
        cause: Why: the cause of a failure, the name of a device; else empty.
        count: Number of files that failed for this cause so far, else 1.
        text: One line with the first file or the reason.
    """

    kind: AlertKind
    cause: str
    count: int
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Notification:
    """What a notification command reads from its standard input.

    Attributes:
        format: Version of this object; increases when a field changes its meaning.
        text: One line about all of it.
        alerts: What happened since the last notification.
        exit_code: Exit code of the run if it has ended.
        status: The run, as `status --json` prints it.
    """

    format: int = FORMAT
    text: str
    alerts: tuple[Alert, ...]
    exit_code: int | None
    status: RunStatus


class AlertBook:
    """Collects alerts from the events of a run, and says when to send them.

    Every cause is told once: a kind of failure, the death of a device, a hold, the end.
    """

    def __init__(self) -> None:
        self._pending: dict[tuple[AlertKind, str], Alert] = {}
        self._told: set[tuple[AlertKind, str]] = set()
        self._held = ""
        self._calm_from = -CALM_SECONDS
        self._next = 0.0

    def note_events(self, events: Iterable[Event]) -> None:
        """Add the next events of the run."""
        for event in events:
            if isinstance(event, FailureEvent) and not event.by_hand:
                cause = event.cause or FailureCause.UNEXPECTED
                self._add(AlertKind.FAILED, cause.value, f"{event.unit_name}: {event.reason}")
            elif isinstance(event, DeviceEvent) and event.state is DeviceState.DEAD:
                text = f"{event.device} is dead: {event.reason}"
                self._add(AlertKind.DEVICE_DIED, event.device, text)

    def note_held(self, reason: str, now: float) -> None:
        """Note why the run is held; empty if it is not.

        Args:
            now: Seconds of a clock that never goes back.
        """
        if reason and not self._held and now >= self._calm_from + CALM_SECONDS:
            self._told.discard((AlertKind.HELD, ""))
            self._add(AlertKind.HELD, "", f"held: {reason}")
        if self._held and not reason:
            self._calm_from = now
        self._held = reason

    def due(self, now: float) -> tuple[Alert, ...]:
        """Return the alerts to send now, which are then told; none while it is too early."""
        if not self._pending or now < self._next:
            return ()
        self._next = now + PAUSE_SECONDS
        return self._take()

    def ended(self, summary: RunSummary) -> tuple[Alert, ...]:
        """Return the alerts to send at the end, whenever the last ones were sent."""
        reason = f": {summary.stop_reason}" if summary.stop_reason else ""
        self._add(AlertKind.ENDED, "", f"ended: {summary_lines(summary)[0]}{reason}")
        return self._take()

    def _add(self, kind: AlertKind, cause: str, text: str) -> None:
        key = (kind, cause)
        if key in self._told:
            return
        known = self._pending.get(key)
        if known is None:
            self._pending[key] = Alert(kind, cause, 1, text)
        else:
            self._pending[key] = replace(known, count=known.count + 1)

    def _take(self) -> tuple[Alert, ...]:
        alerts = tuple(self._pending.values())
        self._told |= self._pending.keys()
        self._pending.clear()
        return alerts


def notification(
    alerts: tuple[Alert, ...], status: RunStatus, summary: RunSummary | None
) -> Notification:
    """Return what to send.

    Args:
        alerts: What happened, at least one.
        status: The run now.
        summary: Its summary, if it has ended.
    """
    return Notification(
        text="; ".join(map(_line, alerts)),
        alerts=alerts,
        exit_code=None if summary is None else exit_code(summary),
        status=status,
    )


def _line(alert: Alert) -> str:
    if alert.kind is AlertKind.FAILED and alert.count > 1:
        return f"{plural(alert.count, 'file')} failed, the first is {alert.text}"
    return f"failed: {alert.text}" if alert.kind is AlertKind.FAILED else alert.text
