"""Every key, by section."""

from __future__ import annotations

from typing import ClassVar, Final

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from tui_balancer.ui import glyphs
from tui_balancer.ui.dialogs.dialog import Dialog
from tui_balancer.ui.keymap import SECTIONS

_MOVING: Final = (
    ("tab", "Next pane; shift+tab the one before"),
    ("↑ ↓ k j", "Move the cursor; page up, page down, home, end"),
    ("← →", "In the queue: the device before or after"),
    ("enter", "A device: its queue; a file: move it; the log: details"),
    ("ctrl+p", "Search all actions; themes, screenshots"),
)
_SIGNS: Final = (
    ("Busy", "Share of the last seconds with a batch in flight"),
    ("Sensor", "The same as NVML or the system sees it; – where nobody does"),
    ("Stolen", "+ files it received, − files taken from it"),
    ("~", "An estimate; all else is measured"),
    (glyphs.TAG, "A tagged file; a click in its place tags, too"),
)


def help_text() -> Content:
    """Return the page: sections of keys with what they do."""
    sections = {
        heading: tuple((key.shown, key.help) for key in keys) for heading, keys in SECTIONS.items()
    }
    sections |= {"Moving around": _MOVING, "What the signs mean": _SIGNS}
    page: list[Content] = []
    for heading, entries in sections.items():
        page.append(Content.styled(heading, "bold $text-accent"))
        page += [
            Content.assemble((f"  {key:<9}", "bold"), explanation) for key, explanation in entries
        ]
        page.append(Content(""))
    return Content("\n").join(page[:-1])


class HelpScreen(Dialog[None]):
    """The help page over the main screen."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("question_mark,f1,q,enter", "dismiss", "Close", show=False),
    ]

    def compose(self) -> ComposeResult:
        """Draw the page."""
        with VerticalScroll(classes="dialog", id="help") as box:
            box.border_title = "Keys"
            box.border_subtitle = "escape closes"
            yield Static(help_text())
