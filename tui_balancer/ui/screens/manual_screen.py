"""The manual: contents, search and a page."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.screen import Screen
from textual.widgets import Input, Markdown, OptionList, Static
from textual.widgets.option_list import Option

from tui_balancer.manual.pages import PAGES, Section, page, search, sections, title

_KEYS = "/ Search  tab Contents  ↑ ↓ Scroll  escape Close"
_NOTHING = "Nothing found"


class ManualScreen(Screen[None]):
    """Shows a page next to the contents or the search results.

    Args:
        text: Name of a page, or words to search for; empty for the first page.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("slash", "search", "Search", show=False),
        Binding("escape,q,f1", "close", "Close", show=False),
    ]
    AUTO_FOCUS = "#text"
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-wide")]  # noqa: RUF012

    def __init__(self, text: str = "") -> None:
        super().__init__()
        self._page = text if text in PAGES else PAGES[0]
        self._words = "" if text in PAGES else text
        self._listed: tuple[Section, ...] = ()

    def compose(self) -> ComposeResult:
        """Lay out the contents, the page and the keys."""
        with Horizontal():
            with Vertical(id="contents"):
                yield Input(self._words, placeholder="Search the manual", id="search")
                yield OptionList(id="places", markup=False)
            with VerticalScroll(id="text", can_focus=True):
                yield Markdown(open_links=False)
        yield Static(_KEYS, id="manual-keys", markup=False)

    async def on_mount(self) -> None:
        """Open the page, or the first search result."""
        self._list(self._words)
        if self._words and self._listed:
            await self._show(self._listed[0].page, self._listed[0].anchor)
        else:
            await self._show(self._page)

    def action_search(self) -> None:
        """Focus the search; in a narrow terminal the contents cover the page."""
        self.add_class("-finding")
        self.call_after_refresh(self.query_one(Input).focus)

    def action_close(self) -> None:
        """Close the search, or else the manual."""
        field = self.query_one(Input)
        if field.has_focus or field.value:
            field.value = ""
            self._read()
        else:
            self.dismiss()

    @on(Input.Changed)
    def _search(self, event: Input.Changed) -> None:
        self._list(event.value)

    @on(Input.Submitted)
    def _go_to_places(self) -> None:
        if self._listed:
            places = self.query_one(OptionList)
            places.highlighted = 0
            places.focus()

    @on(OptionList.OptionSelected)
    async def _open(self, event: OptionList.OptionSelected) -> None:
        section = self._listed[event.option_index]
        self._read()
        await self._show(section.page, section.anchor if section.level > 1 else "")

    @on(Markdown.LinkClicked)
    async def _follow(self, event: Markdown.LinkClicked) -> None:
        where, _, anchor = event.href.partition("#")
        name = where.removesuffix(".md")
        if "://" in where:
            self.app.open_url(event.href)
        elif not where or name in PAGES:
            await self._show(name or self._page, anchor)

    def _read(self) -> None:
        self.remove_class("-finding")
        self.query_one("#text").focus()

    def _list(self, words: str) -> None:
        """List the search results, or else the pages and the sections of the current one."""
        if words.strip():
            self._listed = search(words)
            lines = [f"{one.heading}\n  {title(one.page)}" for one in self._listed]
        else:
            self._listed = tuple(
                section
                for name in PAGES
                for section in sections(name)
                if section.level == 1 or (name == self._page and section.level == 2)
            )
            lines = [("" if one.level == 1 else "  ") + one.heading for one in self._listed]
        places = self.query_one(OptionList)
        places.clear_options()
        places.add_options(lines or [Option(_NOTHING, disabled=True)])

    async def _show(self, name: str, anchor: str = "") -> None:
        document = self.query_one(Markdown)
        if name != self._page or not document.source:
            self._page = name
            await document.update(page(name))
            if not self.query_one(Input).value.strip():
                self._list("")
        if not (anchor and document.goto_anchor(anchor)):
            self.query_one("#text", VerticalScroll).scroll_home(animate=False)
