"""Short and full help: `--help` fits on two screens, `--help-all` has every option in full."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from cyclopts import App
from cyclopts.help import DefaultFormatter, DescriptionRenderer, HelpPanel
from rich.console import Console, ConsoleOptions
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from tui_balancer.formatting import plural

HELP_ALL: Final = "--help-all"


class _Common:
    """See `COMMON`."""


COMMON: Final = _Common()
"""Marks an option of a group for `--help`: `Annotated[str, COMMON]`. A command's own options are
always shown."""

_NAME_WIDTH: Final = 18
"""Minimum width of the column of option names, to align most groups."""


class CommandLine(App):
    """An app with commands that has short and full help."""

    _everything = False

    def carry_out(self, words: Sequence[str]) -> int | None:
        """Run the command of a command line, and return its exit code.

        Raises:
            CycloptsError: The command line is invalid.
        """
        self._everything = HELP_ALL in words
        code: int | None = self(
            words, result_action="return_value", exit_on_error=False, print_error=False
        )
        return code

    def help_print(
        self, tokens: str | Iterable[str] | None = None, *, console: Console | None = None
    ) -> None:
        """Print the short or full help of the command in the tokens."""
        command, found, _ = self.parse_commands(tokens)
        texts, more = (None, 0) if self._everything else _common_texts(found[-1])
        self.help_formatter = _Sections(texts)
        super().help_print(tokens, console=console)
        if more:
            line = f"{plural(more, 'more option')}: {self.name[0]} {' '.join(command)} {HELP_ALL}"
            (console or self.console).print(f"\n{line}", highlight=False)


def _common_texts(command: App) -> tuple[dict[str, str] | None, int]:
    """Return the first sentence of each option in the short help, and how many it leaves out.

    None if it leaves out none: such a help has the full texts.
    """
    if command.default_command is None:
        return None, 0
    arguments = command.assemble_argument_collection(parse_docstring=True).filter_by(show=True)
    texts = {
        one.name: _first_sentence(one.parameter.help or "")
        for one in arguments
        if not one.keys or COMMON in getattr(one.field_info.annotation, "__metadata__", ())
    }
    more = len(arguments) - len(texts)
    return (texts, more) if more else (None, 0)


def _first_sentence(text: str) -> str:
    return " ".join(text.split()).partition(". ")[0].removesuffix(".") + "."


class _Sections(DefaultFormatter):
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
