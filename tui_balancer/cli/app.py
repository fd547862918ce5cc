"""The table of commands, and the entry point of the command line.

A command's module is imported for its run, its help, and the list of all commands. It imports what
it runs when it runs, so that help is there at once.
"""

from __future__ import annotations

import sys
from difflib import get_close_matches
from typing import Any, NoReturn

from cyclopts import (
    App,
    ArgumentCollection,
    CycloptsError,
    MissingArgumentError,
    UnknownCommandError,
)

from tui_balancer import __version__
from tui_balancer.cli.help import HELP_ALL, CommandLine
from tui_balancer.embedding.families.table import TITLES
from tui_balancer.errors import UserError
from tui_balancer.exit_codes import (
    EXIT_CODES,
    EXIT_DONE,
    EXIT_FAILED,
    EXIT_INTERRUPTED,
    EXIT_USAGE,
)
from tui_balancer.process.standard_streams import finish_output, output_problem

app = CommandLine(
    name="tui-balancer",
    version=__version__,
    help_flags=("--help", "-h", HELP_ALL),
    help=f"{TITLES} embeddings of many FASTA files, on every device of this machine.\n\n"
    "Files are assigned to the devices by cost, and a device that runs out of work steals whole "
    "files from a busy one. Watch and control it on the screen, or run it without one.\n\n"
    + EXIT_CODES,
)
app["--help"].help = f"Show the common options of a command; {HELP_ALL} shows all of them."


def _preferences(app: App, commands: tuple[str, ...], arguments: ArgumentCollection) -> None:
    """Read missing options from the environment, or else from the configuration file."""
    from tui_balancer.cli.preferences import read_missing

    read_missing(app, commands, arguments)


def _add(command: str, **settings: Any) -> None:
    """Add a command: a function in one of the modules of `cli.commands`."""
    app.command(f"tui_balancer.cli.commands.{command}", **settings)


_add(
    "run:run",
    help_epilogue=EXIT_CODES,
    usage="Usage: tui-balancer run INPUT... --output PATH [OPTIONS]",
    config=_preferences,
)
_add("run:resume", help_epilogue=EXIT_CODES)
_add("attach:attach", help_epilogue=EXIT_CODES)
_add("status:status")
_add("control:control", usage="Usage: tui-balancer control OUT ACTION [WORD...] [OPTIONS]")
_add("explain:explain", usage="Usage: tui-balancer explain OUT [FILE|DEVICE...] [OPTIONS]")
_add("demo:demo", help_epilogue=EXIT_CODES, config=_preferences)
_add("plan:plan", usage="Usage: tui-balancer plan INPUT... [OPTIONS]", config=_preferences)
_add("virnucpro:virnucpro", help_epilogue=EXIT_CODES)
_add("plan:devices", config=_preferences)
_add("plan:bench", config=_preferences)
_add("models:models", usage="Usage: tui-balancer models [WORD...] [OPTIONS]", config=_preferences)
_add("export:export")
_add("export:inspect")
_add("export:verify")
_add("store:store", usage="Usage: tui-balancer store stats|verify|prune DIR [OPTIONS]")
_add("simulate:simulate")
_add("report:report")
_add("replay:replay")
_add("config:config")
_add("manual:manual")
_add("completion:completion")


def main() -> NoReturn:
    """Run the command line; a user error prints one line and exits with code 2."""
    code = _exit_code()
    if problem := finish_output():
        print(
            f"tui-balancer: cannot write to standard output: {problem.strerror}. Lines are lost; "
            "files that were written are complete.",
            file=sys.stderr,
        )
        code = code or EXIT_FAILED
    sys.exit(code)


def _exit_code() -> int:
    """Run the command line and return its exit code."""
    words = sys.argv[1:]
    try:
        if "-" in words:
            # The parser takes a lone - for an option without a name.
            from tui_balancer.cli.inputs import STDIN

            words = [STDIN if word == "-" else word for word in words]
        code = app.carry_out(words)
    except MissingArgumentError as mistake:
        print(f"tui-balancer: {_missing(mistake)}", file=sys.stderr)
        return EXIT_USAGE
    except UnknownCommandError as mistake:
        print(f"tui-balancer: {_unknown(mistake)}", file=sys.stderr)
        return EXIT_USAGE
    except (UserError, CycloptsError) as mistake:
        print(f"tui-balancer: {mistake}", file=sys.stderr)
        return EXIT_USAGE
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        # The reader of the pipe has closed it.
        return EXIT_FAILED
    except OSError:
        if output_problem() is None:
            raise
        return EXIT_FAILED
    return code or EXIT_DONE


def _missing(mistake: MissingArgumentError) -> str:
    """Return what a command lacks: an option or argument, or the value of an option."""
    command = " ".join(("tui-balancer", *(mistake.command_chain or ())))
    if mistake.keyword:
        return f"{mistake.keyword} needs a value: see `{command} --help`"
    name = mistake.argument.name if mistake.argument else "an argument"
    return f"{name} is missing: see `{command} --help`"


def _unknown(mistake: UnknownCommandError) -> str:
    """Return that a command does not exist, and which ones do."""
    (word, *_) = mistake.unused_tokens or ("",)
    commands = [name for name in app if not name.startswith("-")]
    close = "".join(f" Did you mean {one}?" for one in get_close_matches(word, commands, 1))
    return f"unknown command {word!r}.{close} Commands: {', '.join(commands)}"
