"""Writes the manual's table of keys from those of the program: `python -m tests.manual`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from tui_balancer.ui.keymap import FILTERING, GLOBAL, REPLAY, SECTIONS, SHOWING, Key

KEYS_PAGE = Path(__file__).parents[1] / "tui_balancer" / "manual" / "screen-and-keys.md"
BEGIN, END = "<!-- keys: `python -m tests.manual` writes them -->", "<!-- /keys -->"

_TABS = {name: keys for name, keys in SECTIONS.items() if keys not in (SHOWING, GLOBAL)}


def key_table() -> str:
    """Return every key and what it does, as a table of Markdown."""
    rows = ["| where | key | what it does |", "|---|---|---|"]
    rows += [f"| {where} | {_shown(key)} | {key.help} |" for where, key in _keys()]
    return "\n".join(rows) + "\n"


def written(text: str) -> str:
    """Return the page with the table as it is now."""
    block = f"{BEGIN}\n\n{key_table()}\n{END}"
    changed, count = re.subn(
        f"{re.escape(BEGIN)}.*?{re.escape(END)}", lambda _: block, text, flags=re.S
    )
    assert count == 1, "the page has one place for the keys"
    return changed


def _keys() -> Iterator[tuple[str, Key]]:
    places = {
        "everywhere": (*GLOBAL, *SHOWING),
        **{name.capitalize(): keys for name, keys in _TABS.items()},
        "while a filter is typed": FILTERING,
        "`replay`": REPLAY,
    }
    for place, keys in places.items():
        for number, key in enumerate(keys):
            yield ("" if number else place), key


def _shown(key: Key) -> str:
    return f"`{key.shown}`"


if __name__ == "__main__":
    KEYS_PAGE.write_text(written(KEYS_PAGE.read_text()))
