"""A page of details about one item, updated while it is open."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from tui_balancer.ui.dialogs.dialog import Dialog

_LABEL = 12


def field(label: str, *parts: str | Content | tuple[str, str]) -> Content:
    """Return a line with a dim label before its text."""
    return Content.assemble((f"{label:<{_LABEL}}", "$dim"), *parts)


def heading(text: str) -> Content:
    """Return the heading of a section."""
    return Content.styled(text, "bold $text-accent")


def wrapped(line: Content, width: int) -> list[Content]:
    """Return a line wrapped to the width, indented below its label."""
    room = width - _LABEL
    if line.cell_length <= width or room < _LABEL:
        return [line]
    first, *more = line.divide([_LABEL])[1].wrap(room)
    indent = Content(" " * _LABEL)
    return [line[:_LABEL] + first, *(indent + one for one in more)]


class DetailDialog(Dialog[None]):
    """A page that scrolls.

    Args:
        title: Title in the frame.
        page: Returns the current lines.
        copied: The text that `y` copies.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter,q", "dismiss", "Close", show=False),
        Binding("y", "copy", "Copy", show=False),
    ]

    def __init__(self, title: str, page: Callable[[], list[Content]], copied: str) -> None:
        super().__init__()
        self._title = title
        self._page = page
        self._copied = copied
        self._text = Static()
        self._box = VerticalScroll(self._text, classes="dialog detail")

    def compose(self) -> ComposeResult:
        """Draw the page in a frame."""
        self._box.border_title = Content(self._title)
        self._box.border_subtitle = "y copies · escape closes"
        yield self._box

    def on_mount(self) -> None:
        """Draw the page before its size is known."""
        self.update_page()

    def on_resize(self) -> None:
        """Draw the page in its new size."""
        self.call_after_refresh(self.update_page)

    def update_page(self) -> None:
        """Draw the current page."""
        width = self._box.scrollable_content_region.width
        lines = [one for line in self._page() for one in wrapped(line, width)]
        self._text.update(Content("\n").join(lines))

    @property
    def copied(self) -> str:
        """The text that `y` copies."""
        return self._copied

    def action_copy(self) -> None:
        """Copy the subject of the page."""
        self.app.copy_to_clipboard(self.copied)
        self.notify(self.copied, title="Copied", markup=False)
