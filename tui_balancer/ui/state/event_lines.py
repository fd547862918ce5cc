"""The events of a run as log lines, newest first, and the number of steals by pair."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass
from typing import Final

from tui_balancer.notices import WORDS, place
from tui_balancer.scheduler.events import Event, StealEvent, WarningEvent
from tui_balancer.ui.styles import Tone
from tui_balancer.view.event_lines import Category, EventLine, Label, event_line
from tui_balancer.view.run_state import RunView

KEPT_ROWS: Final = 5000

_TONES: Final[dict[Category, Tone]] = {
    Category.BALANCING: "accent",
    Category.BY_HAND: "good",
    Category.FAILURE: "bad",
    Category.SETBACK: "fair",
    Category.NEWS: "dim",
}

_TONES_BY_HAND: Final[dict[Label, Tone]] = {
    Label.SKIPPED: "fair",
    Label.DEVICE: "fair",
    Label.SETTING: "dim",
}


@dataclass(frozen=True, slots=True)
class LogRow:
    """A line of the log.

    Attributes:
        number: Number in order of arrival.
        seconds: Since the run began.
        line: What happened, in words.
    """

    number: int
    seconds: float
    line: EventLine
    event: Event

    @property
    def tone(self) -> Tone:
        """The tone of its label."""
        tone = _TONES[self.line.category]
        if self.line.category is Category.BY_HAND:
            return _TONES_BY_HAND.get(self.line.label, tone)
        return tone


class EventRecord(RunView):
    """The newest `KEPT_ROWS` lines; the ledger has all.

    Attributes:
        arrived: Number of lines ever added: grows with every change.
        steals: Number of stolen files by pair (from, to).
    """

    def __init__(self) -> None:
        self._rows: deque[LogRow] = deque(maxlen=KEPT_ROWS)
        self.arrived = 0
        self.steals: Counter[tuple[str, str]] = Counter()

    @property
    def rows(self) -> tuple[LogRow, ...]:
        """The lines, newest first."""
        return tuple(self._rows)

    def add(self, event: Event) -> None:
        """Add the line of the next event."""
        line = event_line(event)
        if line is None:
            return
        # The newest line is on top: the warning is added last to stand above its examples.
        said = WORDS.get(event.notice.kind, "") if isinstance(event, WarningEvent) else ""
        for one in reversed(line.examples):
            reason = ": ".join(filter(None, (place(one), said)))
            self._push(EventLine(line.label, Category.NEWS, name=one.file, reason=reason), event)
        self._push(line, event)

    def stolen(self, event: StealEvent) -> None:
        """See `RunView`."""
        self.steals[event.source, event.target] += 1

    def forget(self) -> None:
        """Remove all lines."""
        self._rows.clear()
        self.steals.clear()
        self.arrived += 1

    def _push(self, line: EventLine, event: Event) -> None:
        self.arrived += 1
        self._rows.appendleft(LogRow(self.arrived, event.seconds, line, event))
