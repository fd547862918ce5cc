"""The tabs by their numbers; a click shows one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from textual import events
from textual.message import Message
from textual.reactive import reactive

from tui_balancer.ui.keymap import TABS
from tui_balancer.ui.styles import Line, fit
from tui_balancer.ui.widgets.painted import Painted

_GAP: Final = 1


class TabBar(Painted):
    """One line: the tabs, the one that is shown set off."""

    current: reactive[str] = reactive(TABS[0], repaint=False)
    notes: reactive[Mapping[str, str]] = reactive(dict, repaint=False)
    """A few letters behind a tab's name, by tab."""

    class Clicked(Message):
        """A person asks for a tab with the mouse."""

        def __init__(self, tab: str) -> None:
            self.tab = tab
            super().__init__()

    def __init__(self) -> None:
        super().__init__(id="tabs")

    def _labels(self) -> list[tuple[str, Line]]:
        labels: list[tuple[str, Line]] = []
        for number, tab in enumerate(TABS, 1):
            shown = tab == self.current
            note = self.notes.get(tab, "")
            text = f"{tab.capitalize()}{f' {note}' if note else ''}"
            if shown:
                labels.append((tab, [(f"[{number} {text}]", "chosen")]))
            else:
                labels.append((tab, [(f" {number} ", "accent"), (f"{text} ", "plain")]))
        return labels

    def watch_current(self) -> None:
        """Set another tab off."""
        self.repaint_changes()

    def watch_notes(self) -> None:
        """Paint them."""
        self.repaint_changes()

    def draw(self, _y: int, width: int) -> Line:
        """Draw the tabs."""
        line: Line = []
        for _, label in self._labels():
            line += [*label, (" " * _GAP, "plain")]
        return fit(line, width)

    def on_click(self, event: events.Click) -> None:
        """Tell which tab was clicked."""
        left = 0
        for tab, label in self._labels():
            width = sum(len(text) for text, _ in label)
            if left <= event.x - self.gutter.left < left + width:
                self.post_message(self.Clicked(tab))
                return
            left += width + _GAP
