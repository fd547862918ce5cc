"""Short and full help: `--help` fits on two screens, `--help-all` has every option in full."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final

from cyclopts import App

from tui_balancer.formatting import plural

if TYPE_CHECKING:
    from rich.console import Console
else:
    # The parser evaluates the annotation; rich is slow to import.
    Console = Any

HELP_ALL: Final = "--help-all"


class _Common:
    """See `COMMON`."""


COMMON: Final = _Common()
"""Marks an option of a group for `--help`: `Annotated[str, COMMON]`. A command's own options are
always shown."""


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

    def version_print(self, console: Console | None = None) -> None:  # noqa: ARG002
        """Print the version, without the console that help needs."""
        print(self.version)

    def help_print(
        self, tokens: str | Iterable[str] | None = None, *, console: Console | None = None
    ) -> None:
        """Print the short or full help of the command in the tokens."""
        from tui_balancer.cli.help_sections import HelpSections

        command, found, _ = self.parse_commands(tokens)
        if not command:
            # The list of commands has the first line of each one's docstring.
            self.resolved_commands()
        texts, more = (None, 0) if self._everything else _common_texts(found[-1])
        self.help_formatter = HelpSections(texts)
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
