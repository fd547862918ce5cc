"""What a person chose on the screen and finds again in the next session: columns and sort order."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

import msgspec

from tui_balancer.ui.widgets.column_layout import ColumnLayout


class _Stored(msgspec.Struct):
    """The file.

    Attributes:
        columns: Layouts by the kind of list.
        sort: What files are sorted by; empty for the usual order.
        backwards: Whether that order is turned round.
    """

    columns: dict[str, ColumnLayout] = {}
    sort: str = ""
    backwards: bool = False


class ScreenMemory:
    """Keeps choices in a small JSON file; a file that cannot be read or written is no error.

    Args:
        path: The file; None keeps nothing after the session.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._stored = _Stored()
        if path is not None:
            with suppress(OSError, msgspec.DecodeError):
                self._stored = msgspec.json.decode(path.read_bytes(), type=_Stored)
        self._written = msgspec.json.encode(self._stored)

    def layout(self, kind: str) -> ColumnLayout:
        """Return the columns of a kind of list."""
        return self._stored.columns.get(kind, ColumnLayout())

    def keep_layout(self, kind: str, layout: ColumnLayout) -> None:
        """Note the columns of a kind of list."""
        self._stored.columns[kind] = layout

    @property
    def sort(self) -> tuple[str, bool]:
        """What files are sorted by, empty for the usual order, and whether backwards."""
        return self._stored.sort, self._stored.backwards

    @sort.setter
    def sort(self, sort: tuple[str, bool]) -> None:
        self._stored.sort, self._stored.backwards = sort

    def save(self) -> None:
        """Write the file, if anything is other than it says."""
        content = msgspec.json.encode(self._stored)
        if self._path is None or content == self._written:
            return
        with suppress(OSError):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            fresh = self._path.with_name(f"{self._path.name}.{os.getpid()}")
            fresh.write_bytes(content)
            fresh.replace(self._path)
            self._written = content
