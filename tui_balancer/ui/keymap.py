"""Every key of the main screen, once: the footer, the help and the palette read it from here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from textual.binding import Binding


@dataclass(frozen=True, slots=True)
class Key:
    """A key of the main screen and what it does.

    Attributes:
        id: Its stable name, for keymaps.
        keys: Textual's names of the keys, with commas between them.
        shown: The key as people write it.
        action: The screen's action.
        label: A word for the footer; empty for keys that it leaves out.
        help: What it does, in a line, for the help and the palette.
        paired: Whether the footer shows it with its neighbour under one word.
    """

    id: str
    keys: str
    shown: str
    action: str
    label: str
    help: str
    paired: bool = False

    def binding(self) -> Binding:
        """Return it as Textual takes it."""
        return Binding(
            self.keys,
            self.action,
            self.label,
            show=bool(self.label),
            key_display=self.shown,
            tooltip=self.help,
            id=self.id,
            group=Binding.Group(self.label, compact=True) if self.paired else None,
        )


SECTIONS: Final = {
    "Devices": (
        Key("device.pause", "p", "p", "pause_device", "Pause", "Pause the device under the cursor"),
        Key("device.resume", "p", "p", "resume_device", "Resume", "Let a paused device go on"),
        Key("all.pause", "P", "P", "pause_all", "All", "Pause all devices"),
        Key("all.resume", "P", "P", "resume_all", "All", "Let all devices go on"),
    ),
    "Stealing": (
        Key(
            *("threshold.raise", "plus,equals_sign", "+", "raise_threshold", "Threshold"),
            help="Raise the threshold: steal less",
            paired=True,
        ),
        Key(
            *("threshold.lower", "minus", "−", "lower_threshold", "Threshold"),
            help="Lower the threshold: steal more",
            paired=True,
        ),
        Key("threshold.edit", "e", "e", "edit_threshold", "Edit", "Edit policy and threshold"),
    ),
    "Files in a queue": (
        Key("file.tag", "t", "t", "tag", "Tag", "Tag or untag the file under the cursor"),
        Key("file.untag_all", "T", "T", "clear_tags", "", "Take all tags away"),
        Key("file.move", "m", "m", "move", "Move", "Move the tagged files, or this one"),
    ),
    "Screen": (
        Key("screen.freeze", "space", "space", "freeze", "Freeze", "Freeze the display, not work"),
        Key("screen.help", "question_mark,f1", "?", "help", "Help", "Show all keys"),
        Key("screen.quit", "q", "q", "app.quit", "Quit", "Quit: finish files, stop, or stay"),
    ),
}

KEYS: Final = tuple(key for keys in SECTIONS.values() for key in keys)
