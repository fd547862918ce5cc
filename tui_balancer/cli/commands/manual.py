"""The command `manual`: shows the manual."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from tui_balancer.errors import UserError
from tui_balancer.exit_codes import EXIT_DONE
from tui_balancer.manual.pages import PAGES, page, search, title


def manual(
    *words: Annotated[str, Parameter(name="PAGE|WORDS", help="A page, or words to search for.")],
) -> int:
    """Read the manual.

    Opens it on the screen, at a page or at the sections that have the words; without a terminal
    it prints the page, or the names of those sections.
    """
    from tui_balancer.cli.screen import can_show

    text = " ".join(words)
    if can_show():
        from tui_balancer.ui.manual_app import ManualApp

        ManualApp(text).run()
    elif text in PAGES:
        print(page(text), end="")
    elif text:
        _print_places(text)
    else:
        width = max(map(len, PAGES))
        for name in PAGES:
            print(f"{name:<{width}}  {title(name)}")
    return EXIT_DONE


def _print_places(words: str) -> None:
    found = search(words)
    if not found:
        raise UserError(f"{words!r} is not in the manual: see `tui-balancer manual`")
    for section in found:
        print(f"{section.page}: {section.heading}")
