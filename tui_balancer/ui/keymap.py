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
        label: One or two words for the footer; empty for keys that it leaves out.
        title: What it does, in a few words, for the palette.
        help: What it does, in a line, for the help.
        section: Heading in the help.
        group: Words for the footer that it shares with its neighbours.
    """

    id: str
    keys: str
    shown: str
    action: str
    label: str
    title: str
    help: str
    section: str
    group: str = ""

    def binding(self) -> Binding:
        """Return it as Textual takes it."""
        group = Binding.Group(self.group, compact=True) if self.group else None
        return Binding(
            self.keys,
            self.action,
            self.label or self.title,
            show=bool(self.label or self.group),
            key_display=self.shown,
            tooltip=self.help,
            id=self.id,
            group=group,
        )


DEVICES: Final = "Devices"
STEALING: Final = "Stealing"
FILES: Final = "Files in a queue"
SCREEN: Final = "Screen"

KEYS: Final = (
    Key(
        "device.pause",
        "p",
        "p",
        "pause_device",
        "Pause",
        "Pause the device",
        "Pause the device under the cursor after its batch in flight",
        DEVICES,
    ),
    Key(
        "device.resume",
        "p",
        "p",
        "resume_device",
        "Resume",
        "Resume the device",
        "The same key lets it go on",
        DEVICES,
    ),
    Key(
        "all.pause",
        "P",
        "P",
        "pause_all",
        "All",
        "Pause all devices",
        "Pause all devices",
        DEVICES,
    ),
    Key(
        "all.resume",
        "P",
        "P",
        "resume_all",
        "Resume all",
        "Resume all devices",
        "The same key lets all go on",
        DEVICES,
    ),
    Key(
        "threshold.raise",
        "plus,equals_sign",
        "+",
        "raise_threshold",
        "",
        "Steal less eagerly",
        "Raise the threshold: steal less",
        STEALING,
        "Threshold",
    ),
    Key(
        "threshold.lower",
        "minus",
        "−",
        "lower_threshold",
        "",
        "Steal more eagerly",
        "Lower the threshold: steal more",
        STEALING,
        "Threshold",
    ),
    Key(
        "threshold.edit",
        "e",
        "e",
        "edit_threshold",
        "Edit",
        "Edit the stealing rule",
        "Choose the policy and set its numbers",
        STEALING,
    ),
    Key(
        "file.tag",
        "t",
        "t",
        "tag",
        "Tag",
        "Tag the file",
        "Tag the file under the cursor, or untag it",
        FILES,
    ),
    Key(
        "file.untag_all",
        "T",
        "T",
        "clear_tags",
        "",
        "Take all tags away",
        "Take all tags away",
        FILES,
    ),
    Key(
        "file.move",
        "m",
        "m",
        "move",
        "Move",
        "Move files to another device",
        "Move the tagged files, or the one under the cursor, to another device",
        FILES,
    ),
    Key(
        "screen.freeze",
        "space",
        "space",
        "freeze",
        "Freeze",
        "Freeze the display",
        "Freeze the display, or let it go on; the work is not touched",
        SCREEN,
    ),
    Key(
        "screen.help",
        "question_mark,f1",
        "?",
        "help",
        "Help",
        "Show the keys",
        "This page",
        SCREEN,
    ),
    Key(
        "screen.quit",
        "q",
        "q",
        "app.quit",
        "Quit",
        "Quit",
        "Quit: finish the running files, stop now, or stay",
        SCREEN,
    ),
)
