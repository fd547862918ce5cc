"""Writes the manual's tables of keys and JSON fields from the program: `python -m tests.manual`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from tests.json_tables import LISTED, NOTIFIED, PRINTED, STORED, field_table
from tui_balancer.monitoring.metrics import METRICS
from tui_balancer.ui.keymap import FILTERING, GLOBAL, REPLAY, SECTIONS, SHOWING, Key

_MANUAL = Path(__file__).parents[1] / "tui_balancer" / "manual"
KEYS_PAGE = _MANUAL / "screen-and-keys.md"
CONTROL_PAGE = _MANUAL / "control.md"
MODELS_PAGE = _MANUAL / "models.md"
MONITORING_PAGE = _MANUAL / "monitoring.md"
STORE_PAGE = _MANUAL / "store.md"
BEGIN, END = "<!-- keys: `python -m tests.manual` writes them -->", "<!-- /keys -->"

_TABS = {name: keys for name, keys in SECTIONS.items() if keys not in (SHOWING, GLOBAL)}


def key_table() -> str:
    """Return every key and what it does, as a table of Markdown."""
    rows = ["| where | key | what it does |", "|---|---|---|"]
    rows += [f"| {where} | {_shown(key)} | {key.help} |" for where, key in _keys()]
    return "\n".join(rows) + "\n"


def written(text: str) -> str:
    """Return the page of keys with the table as it is now."""
    return _replaced(text, BEGIN, END, key_table())


def with_fields(text: str, objects: Mapping[str, type] = PRINTED) -> str:
    """Return a page with the tables of JSON fields as they are now."""
    for name, kind in objects.items():
        text = _replaced(text, f"<!-- fields: {name} -->", "<!-- /fields -->", field_table(kind))
    return text


def with_metrics(text: str) -> str:
    """Return the page about monitoring with its tables as they are now."""
    rows = ["| metric | type | labels | |", "|---|---|---|---|"]
    rows += [
        f"| `{one.sample_name}` | {one.kind} | {', '.join(f'`{name}`' for name in one.labels)} "
        f"| {one.about} |"
        for one in METRICS
    ]
    table = "\n".join(rows) + "\n"
    return with_fields(_replaced(text, "<!-- metrics -->", "<!-- /metrics -->", table), NOTIFIED)


def _replaced(text: str, begin: str, end: str, table: str) -> str:
    """Return a page with the table between two comments."""
    block = f"{begin}\n\n{table}\n{end}"
    pattern = f"{re.escape(begin)}.*?{re.escape(end)}"
    changed, count = re.subn(pattern, lambda _: block, text, flags=re.S)
    assert count == 1, f"the page has one place for {begin}"
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
    CONTROL_PAGE.write_text(with_fields(CONTROL_PAGE.read_text()))
    MODELS_PAGE.write_text(with_fields(MODELS_PAGE.read_text(), LISTED))
    STORE_PAGE.write_text(with_fields(STORE_PAGE.read_text(), STORED))
    MONITORING_PAGE.write_text(with_metrics(MONITORING_PAGE.read_text()))
