"""The footer: the keys that have an effect now, as many as fit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from textual import events
from textual.message import Message
from textual.reactive import reactive

from tui_balancer.ui.keymap import Key
from tui_balancer.ui.painting.painted import Painted
from tui_balancer.ui.styles import Line, fit, line_width

_GAP: Final = "  "


def _entries(keys: Sequence[Key]) -> list[tuple[Key, Line]]:
    """Return the text of each key; paired keys share a word."""
    entries: list[tuple[Key, Line]] = []
    for position, key in enumerate(keys):
        followed = position + 1 < len(keys) and keys[position + 1].label == key.label
        label = "" if key.paired and followed else f" {key.label}"
        entries.append((key, [(key.shown, "accent"), (label, "plain")]))
    return entries


def _gap(key: Key, entry: Line) -> str:
    """Return the separator after a key: shorter if the next one shares its word."""
    return " " if key.paired and not entry[1][0] else _GAP


def fitting(keys: Sequence[Key], width: int) -> list[tuple[Key, Line]]:
    """Return the keys that fit into a line; those of the highest rank go first."""
    kept = [key for key in keys if key.label]
    while True:
        entries = _entries(kept)
        needed = sum(line_width(line) + len(_GAP) for _, line in entries) - len(_GAP)
        highest = max((key.rank for key in kept), default=0)
        if needed <= width or highest == 0:
            return entries
        last = next(key for key in reversed(kept) if key.rank == highest)
        kept = [key for key in kept if key.label != last.label]


class KeyBar(Painted):
    """One line of keys; a click acts like a press."""

    keys: reactive[tuple[Key, ...]] = reactive((), repaint=False)

    @dataclass
    class Clicked(Message):
        """A key was clicked."""

        key: Key

    def __init__(self) -> None:
        super().__init__(id="keys")

    def watch_keys(self) -> None:
        """Paint them."""
        self.repaint_changes()

    def draw(self, _y: int, width: int) -> Line:
        """Draw the keys."""
        line: Line = []
        for key, entry in fitting(self.keys, width):
            line += [*entry, (_gap(key, entry), "plain")]
        return fit(line[:-1], width)

    def on_click(self, event: events.Click) -> None:
        """Post which key was clicked."""
        left = self.gutter.left
        for key, entry in fitting(self.keys, self.size.width):
            width = line_width(entry)
            if left <= event.x < left + width:
                self.post_message(self.Clicked(key))
                return
            left += width + len(_gap(key, entry))
