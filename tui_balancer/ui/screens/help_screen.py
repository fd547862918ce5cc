"""The help page: every key, those of the current tab first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar, Final

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from tui_balancer.ui import glyphs
from tui_balancer.ui.dialogs.dialog import Dialog
from tui_balancer.ui.keymap import SECTIONS, TABS, Key

_MOVING: Final = (
    ("tab", "Next pane; shift+tab: previous"),
    ("↑ ↓ k j", "Move the cursor; page up, page down, home, end"),
    ("← →", "In the timeline: move the cursor; in a log: scroll sideways"),
    ("mouse", "Click rows, headings, tabs, keys; drag files onto a device"),
    ("ctrl+p", "Search all actions; themes"),
    ("ctrl+z", "Suspends an attached screen; off in your own run, which would stop"),
)
_SIGNS: Final = (
    ("Busy", "Share of the last seconds spent computing"),
    ("Load", "Utilization as the driver or the system reports it"),
    ("Stolen", "+ files taken from others, − files given to others"),
    (glyphs.MARK, "The best possible: all finish then if the work is divided perfectly"),
    ("~", "An estimate; everything else is measured"),
    (glyphs.TAG, "A tagged file; click there to tag or untag"),
)


def help_text(tab: str, sections_of_keys: Mapping[str, Sequence[Key]] = SECTIONS) -> Content:
    """Return the help page: sections of keys and their effects.

    Args:
        tab: The tab whose keys come first.
        sections_of_keys: All keys by section.
    """
    order = [tab, "replay", "everywhere", "tabs", "header", *(one for one in TABS if one != tab)]
    headings = {"everywhere": "In every tab", "tabs": "Tabs"}
    sections = {
        headings.get(name, name.capitalize()): tuple(
            (key.shown, key.help) for key in sections_of_keys[name]
        )
        for name in order
        if name in sections_of_keys
    }
    sections |= {"Navigation": _MOVING, "Signs": _SIGNS}
    page: list[Content] = []
    for heading, entries in sections.items():
        page.append(Content.styled(heading, "bold $text-accent"))
        page += [
            Content.assemble((f"  {key:<9}", "bold"), explanation) for key, explanation in entries
        ]
        page.append(Content(""))
    return Content("\n").join(page[:-1])


class HelpScreen(Dialog[None]):
    """The help page over the main screen.

    Args:
        tab: The tab whose keys come first.
        sections: All keys.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("question_mark,q,enter", "dismiss", "Close", show=False),
    ]

    def __init__(
        self, tab: str = TABS[0], sections: Mapping[str, Sequence[Key]] = SECTIONS
    ) -> None:
        super().__init__()
        self._tab = tab
        self._sections = sections

    def compose(self) -> ComposeResult:
        """Draw the page."""
        with VerticalScroll(classes="dialog", id="help") as box:
            box.border_title = "Keys"
            box.border_subtitle = "escape closes"
            yield Static(help_text(self._tab, self._sections))
