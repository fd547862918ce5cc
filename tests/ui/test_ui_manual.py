"""The manual over a run: its keys, its links, its search."""

from __future__ import annotations

import pytest
from textual.widgets import Input, Markdown, OptionList

from tests.support.screen import fake_run
from tui_balancer.manual.pages import page, search
from tui_balancer.ui.app import BalancerApp
from tui_balancer.ui.manual_app import ManualApp
from tui_balancer.ui.screens.run_screen import RunScreen


@pytest.mark.parametrize(
    ("tab", "name"),
    [("1", "screen-and-keys"), ("4", "balancing"), ("6", "troubleshooting")],
)
async def test_f1_opens_the_page_about_the_tab_and_escape_closes_it(tab: str, name: str) -> None:
    app = BalancerApp(fake_run(), poll=False)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press(tab, "f1")
        await pilot.pause()
        assert app.screen.query_one(Markdown).source == page(name)
        await pilot.press("escape")
        await pilot.pause()
        assert isinstance(app.screen, RunScreen)


async def test_a_search_lists_what_has_the_words_and_opens_the_chosen_place() -> None:
    app = ManualApp()
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("slash", *"killed", "space", *"worker")
        await pilot.pause()
        found = search("killed worker")
        places = app.screen.query_one(OptionList)
        assert places.option_count == len(found) > 1
        await pilot.press("enter", "down", "enter")
        await pilot.pause()
        assert app.screen.query_one(Markdown).source == page(found[1].page)
        assert app.screen.query_one("#text").has_focus
        await pilot.press("escape")
        await pilot.pause()
        assert app.screen.query_one(Input).value == ""
        await pilot.press("escape")
    assert app.return_code == 0


async def test_words_on_the_command_line_open_the_first_place_that_has_them() -> None:
    app = ManualApp("fluid zyxwv")
    async with app.run_test(size=(120, 40)):
        assert app.screen.query_one(OptionList).option_count == 1
        assert app.screen.query_one(OptionList).get_option_at_index(0).disabled
    app = ManualApp("--adapt MIN:MAX")
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        assert app.screen.query_one(Markdown).source == page("clusters")


async def test_a_link_leads_to_the_page_and_one_elsewhere_to_the_browser(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    app, opened = ManualApp("inputs"), list[str]()
    monkeypatch.setattr(app, "open_url", lambda url, **_: opened.append(url))
    async with app.run_test(size=(120, 40)) as pilot:
        document = app.screen.query_one(Markdown)
        document.post_message(Markdown.LinkClicked(document, "models.md#long-sequences"))
        await pilot.pause()
        assert document.source == page("models")
        document.post_message(Markdown.LinkClicked(document, "https://pytorch.org/"))
        await pilot.pause()
    assert opened == ["https://pytorch.org/"]
