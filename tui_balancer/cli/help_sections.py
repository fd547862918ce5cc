"""The look of a help page: sections without frames."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from cyclopts.help import DefaultFormatter, DescriptionRenderer, HelpPanel
from rich.console import Console, ConsoleOptions
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

_NAME_WIDTH: Final = 18
"""Minimum width of the column of option names, to align most groups."""


class HelpSections(DefaultFormatter):
    """Formats the sections of a help page without frames.

    Args:
        texts: Short text of each option by name; options without one are left out. None prints
            every option in full.
    """

    def __init__(self, texts: Mapping[str, str] | None) -> None:
        super().__init__()
        self._texts = texts

    def __call__(
        self,
        console: Console,
        options: ConsoleOptions,  # noqa: ARG002
        panel: HelpPanel,
    ) -> None:
        """Print a heading and its options or commands."""
        table = Table.grid(padding=(0, 2, 0, 0))
        table.add_column(min_width=_NAME_WIDTH, style="cyan")
        table.add_column(overflow="fold")
        describe: Any = DescriptionRenderer()
        for entry in panel.entries:
            labels = entry.display_labels_with_metavar
            if panel.format == "parameter" and self._texts is not None:
                name = entry.display_labels[0]
                if name not in self._texts:
                    continue
                entry = entry.copy(description=Text(self._texts[name]))
            table.add_row(" ".join(labels), describe(entry))
        if table.row_count:
            console.print(Text(str(panel.title), "bold"))
            console.print(Padding(table, (0, 0, 0, 2)))
