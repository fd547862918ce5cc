"""The screen's record of the run."""

from __future__ import annotations

from collections.abc import Iterable

from tui_balancer.scheduler.events import Event
from tui_balancer.scheduler.model import DeviceMetrics
from tui_balancer.ui.messages import Picture
from tui_balancer.ui.state.event_lines import EventRecord
from tui_balancer.ui.state.run_throughput import RunThroughput
from tui_balancer.ui.state.throughput_history import ThroughputHistory
from tui_balancer.ui.state.timeline import TimelineRecord
from tui_balancer.view.handle import RunSnapshot
from tui_balancer.view.problems import Problems
from tui_balancer.view.run_state import RunState


class ScreenState:
    """The run as collected from pictures and events.

    Attributes:
        picture: The newest picture; None before the first.
        rates: Recent throughput of each device.
        throughput: Total throughput over the whole run.
        events: The log lines.
        timeline: Activity of each device over time.
        problems: Failures and warnings by cause.
    """

    def __init__(self) -> None:
        self.picture: Picture | None = None
        self.rates = ThroughputHistory()
        self.throughput = RunThroughput()
        self.events = EventRecord()
        self.timeline = TimelineRecord()
        self.problems = Problems()
        self._run_state = RunState(self.events, self.timeline, self.problems)

    def forget(self) -> None:
        """Reset: the replay has gone back in time."""
        self.picture = None
        self.rates.forget()
        self.throughput.forget()
        self.events.forget()
        self.timeline.forget()
        self.problems.forget()
        self._run_state = RunState(self.events, self.timeline, self.problems)

    @property
    def snapshot(self) -> RunSnapshot | None:
        """The newest snapshot of the run."""
        return self.picture.snapshot if self.picture else None

    def see(self, picture: Picture) -> None:
        """Add a picture."""
        self.picture = picture
        self.rates.note(picture.snapshot)
        self.throughput.note(picture.snapshot)

    def hear(self, events: Iterable[Event]) -> None:
        """Add events."""
        for event in events:
            self._run_state.apply(event)
            self.events.add(event)

    def device(self, name: str | None) -> DeviceMetrics | None:
        """Return the newest metrics of a device."""
        devices = self.snapshot.devices if self.snapshot else ()
        return next((one for one in devices if one.device == name), None)
