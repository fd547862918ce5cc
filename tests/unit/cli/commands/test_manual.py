"""The command `manual` without a terminal: a list of pages, a page, or places."""

from __future__ import annotations

from tests.support.commands import tui_balancer_here
from tui_balancer.manual.pages import PAGES, page, title


def test_without_words_it_lists_the_pages() -> None:
    printed = tui_balancer_here("manual")
    assert printed.returncode == 0
    assert [line.split(maxsplit=1) for line in printed.stdout.splitlines()] == [
        [name, title(name)] for name in PAGES
    ]


def test_a_page_is_printed_as_it_is_written() -> None:
    assert tui_balancer_here("manual", "ledger").stdout == page("ledger")


def test_words_are_looked_up() -> None:
    printed = tui_balancer_here("manual", "tiny", "files")
    assert "inputs: Tiny files and huge files" in printed.stdout.splitlines()


def test_nothing_found_is_one_line() -> None:
    printed = tui_balancer_here("manual", "zyxwv")
    assert (printed.returncode, printed.stdout) == (2, "")
    assert printed.stderr.splitlines() == [
        "tui-balancer: 'zyxwv' is not in the manual: see `tui-balancer manual`"
    ]
