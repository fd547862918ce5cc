"""The tab bar: numbered tabs; a click shows one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from textual import events
from textual.message import Message
from textual.reactive import reactive

from tui_balancer.ui.keymap import TABS
from tui_balancer.ui.painting.painted import Painted
from tui_balancer.ui.styles import Line, fit, line_width

_GAP: Final = 1

_SPARED: Final = ("steals", "queues")
"""Tabs whose notes are dropped when space is short, in this order."""


class TabBar(Painted):
    """One line with the tabs, the current one highlighted."""

    current: reactive[str] = reactive(TABS[0], repaint=False)
    notes: reactive[Mapping[str, str]] = reactive(dict, repaint=False)
    """Short notes after tab names, by tab."""

    @dataclass
    class Clicked(Message):
        """A tab was clicked."""

        tab: str

    def __init__(self) -> None:
        super().__init__(id="tabs")

    def _labels(self, width: int) -> list[tuple[str, Line]]:
        """Return the tabs, with the notes that fit."""
        notes = dict(self.notes)
        for tab in _SPARED:
            labels = self._labelled(notes)
            if sum(line_width(label) + _GAP for _, label in labels) - _GAP <= width:
                return labels
            notes.pop(tab, None)
        return self._labelled(notes)

    def _labelled(self, notes: Mapping[str, str]) -> list[tuple[str, Line]]:
        labels: list[tuple[str, Line]] = []
        for number, tab in enumerate(TABS, 1):
            shown = tab == self.current
            note = notes.get(tab, "")
            text = f"{tab.capitalize()}{f' {note}' if note else ''}"
            if shown:
                labels.append((tab, [(f"[{number} {text}]", "chosen")]))
            else:
                labels.append((tab, [(f" {number} ", "accent"), (f"{text} ", "plain")]))
        return labels

    def watch_current(self) -> None:
        """Highlight another tab."""
        self.repaint_changes()

    def watch_notes(self) -> None:
        """Paint them."""
        self.repaint_changes()

    def draw(self, _y: int, width: int) -> Line:
        """Draw the tabs."""
        line: Line = []
        for _, label in self._labels(width):
            line += [*label, (" " * _GAP, "plain")]
        return fit(line, width)

    def on_click(self, event: events.Click) -> None:
        """Post which tab was clicked."""
        left = 0
        for tab, label in self._labels(self.room.width):
            width = line_width(label)
            if left <= event.x - self.gutter.left < left + width:
                self.post_message(self.Clicked(tab))
                return
            left += width + _GAP
