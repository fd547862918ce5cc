"""Stores columns and sort order between sessions."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

import msgspec

from tui_balancer.ui.painting.column_layout import ColumnLayout


class _Stored(msgspec.Struct):
    """Content of the file.

    Attributes:
        columns: Column layouts by kind of list.
        sort: Sort key of the files; empty for the default order.
        backwards: Whether the order is reversed.
    """

    columns: dict[str, ColumnLayout] = {}
    sort: str = ""
    backwards: bool = False


class ScreenMemory:
    """Keeps choices in a small JSON file; read and write errors are ignored.

    Args:
        path: The file; None to forget the choices after the session.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._stored = _Stored()
        if path is not None:
            with suppress(OSError, msgspec.DecodeError):
                self._stored = msgspec.json.decode(path.read_bytes(), type=_Stored)
        self._written = msgspec.json.encode(self._stored)

    def layout(self, kind: str) -> ColumnLayout:
        """Return the column layout of a kind of list."""
        return self._stored.columns.get(kind, ColumnLayout())

    def keep_layout(self, kind: str, layout: ColumnLayout) -> None:
        """Store the column layout of a kind of list."""
        self._stored.columns[kind] = layout

    @property
    def sort(self) -> tuple[str, bool]:
        """Sort key of the files, empty for the default order, and whether it is reversed."""
        return self._stored.sort, self._stored.backwards

    @sort.setter
    def sort(self, sort: tuple[str, bool]) -> None:
        self._stored.sort, self._stored.backwards = sort

    def save(self) -> None:
        """Write the file if anything has changed."""
        content = msgspec.json.encode(self._stored)
        if self._path is None or content == self._written:
            return
        with suppress(OSError):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            fresh = self._path.with_name(f"{self._path.name}.{os.getpid()}")
            fresh.write_bytes(content)
            fresh.replace(self._path)
            self._written = content
