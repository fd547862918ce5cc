"""The console for tables."""

from __future__ import annotations

import sys

from rich.console import Console

PIPED_WIDTH = 1000
"""Width in cells: large enough that a table never wraps, for `grep`."""


def stdout_console() -> Console:
    """Return a console of the standard output; ids may look like codes of emoji, `:A:`.

    A pipe has no columns, whatever `COLUMNS` says: shells and libraries export that of a terminal.
    """
    return Console(emoji=False, width=None if sys.stdout.isatty() else PIPED_WIDTH)
