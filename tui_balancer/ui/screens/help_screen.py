"""Every key, those of the tab that is shown first."""

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
    ("tab", "Next pane; shift+tab the one before"),
    ("↑ ↓ k j", "Move the cursor; page up, page down, home, end"),
    ("← →", "In the timeline: back and on; in a log: sideways"),
    ("mouse", "Click rows, headings, tabs, keys; drag files onto a device"),
    ("ctrl+p", "Search all actions; themes"),
    ("ctrl+z", "Off: it would stop the run; suspends an attached screen"),
)
_SIGNS: Final = (
    ("Busy", "Share of the last seconds with a batch in flight"),
    ("Sensor", "The same as NVML or the system sees it; – where nobody does"),
    ("Stolen", "+ files it received, − files taken from it"),
    (glyphs.MARK, "The bound: when all would end if the work were poured over the devices"),
    ("~", "An estimate; all else is measured"),
    (glyphs.TAG, "A tagged file; a click in its place tags, too"),
)


def help_text(tab: str, sections_of_keys: Mapping[str, Sequence[Key]] = SECTIONS) -> Content:
    """Return the page: sections of keys with what they do.

    Args:
        tab: The tab whose keys come first.
        sections_of_keys: All keys.
    """
    order = [tab, "replay", "everywhere", "tabs", *(one for one in TABS if one != tab)]
    headings = {"everywhere": "In every tab", "tabs": "Tabs"}
    sections = {
        headings.get(name, name.capitalize()): tuple(
            (key.shown, key.help) for key in sections_of_keys[name]
        )
        for name in order
        if name in sections_of_keys
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
