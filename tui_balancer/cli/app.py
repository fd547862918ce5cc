"""The commands run, resume and attach, and the table of all commands."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Annotated, NoReturn

from cyclopts import CycloptsError, MissingArgumentError, Parameter

from tui_balancer import __version__
from tui_balancer.cli.cluster_options import ClusterOptions
from tui_balancer.cli.commands.completion import add_completion
from tui_balancer.cli.commands.config import config
from tui_balancer.cli.commands.demo import demo
from tui_balancer.cli.commands.explain import explain
from tui_balancer.cli.commands.export import export, inspect, verify
from tui_balancer.cli.commands.manual import manual
from tui_balancer.cli.commands.plan import bench, devices, plan
from tui_balancer.cli.commands.replay import replay
from tui_balancer.cli.commands.report import print_report, report
from tui_balancer.cli.commands.simulate import simulate
from tui_balancer.cli.declarations import flag
from tui_balancer.cli.embedding_options import EmbeddingOptions
from tui_balancer.cli.help import HELP_ALL, CommandLine
from tui_balancer.cli.inputs import STDIN, named_inputs
from tui_balancer.cli.options import (
    BalancingOptions,
    DeviceOptions,
    Input,
    Listed,
    ModelOptions,
    Output,
    ResumingOptions,
    RunFolder,
    ScreenOptions,
    ScriptOptions,
)
from tui_balancer.cli.preferences import apply_preferences
from tui_balancer.cli.settings import resumed_settings, run_settings
from tui_balancer.embedding.families.table import FAMILIES
from tui_balancer.errors import UserError
from tui_balancer.settings import RunSettings
from tui_balancer.standard_streams import finish_output, output_problem
from tui_balancer.view.summary_text import EXIT_DONE, EXIT_FAILED, EXIT_INTERRUPTED, EXIT_USAGE

EXIT_CODES = (
    f"Exit codes: {EXIT_DONE} done, {EXIT_FAILED} some failed, skipped or waiting, "
    f"{EXIT_USAGE} usage, {EXIT_INTERRUPTED} interrupted."
)

_TITLES = ", ".join(family.title for family in FAMILIES.values())

app = CommandLine(
    name="tui-balancer",
    version=__version__,
    help_flags=("--help", "-h", HELP_ALL),
    help=f"{_TITLES} embeddings of many protein FASTA files, on every device of this machine.\n\n"
    "Files are assigned to the devices by cost, and a device that runs out of work steals whole "
    "files from a busy one. Watch and control it on the screen, or run it without one.\n\n"
    + EXIT_CODES,
)
app["--help"].help = f"Show the common options of a command; {HELP_ALL} shows all of them."


@app.command(
    help_epilogue=EXIT_CODES, usage="Usage: tui-balancer run INPUT... --output PATH [OPTIONS]"
)
def run(
    *inputs: Input,
    output: Output,
    listed: Listed = None,
    model: ModelOptions | None = None,
    devices: DeviceOptions | None = None,
    balancing: BalancingOptions | None = None,
    embedding: EmbeddingOptions | None = None,
    resuming: ResumingOptions | None = None,
    cluster: ClusterOptions | None = None,
    screen: ScreenOptions | None = None,
    script: ScriptOptions | None = None,
) -> int:
    """Embed FASTA files.

    Writes NAME_ESM.pt for every input under OUTPUT, in the tree of the inputs: the ids, and the
    mean of a layer's representations over the residues of each sequence. The same command
    resumes an unfinished run; finished outputs are checked, not repeated.
    """
    settings = run_settings(
        named_inputs(inputs, listed, output),
        output,
        model,
        devices,
        balancing,
        embedding,
    )
    settings = replace(settings, cluster=(cluster or ClusterOptions()).request())
    return _carried_out(settings, resuming, screen, script)


@app.command(help_epilogue=EXIT_CODES)
def resume(
    output: Annotated[Path, Parameter(name="OUTPUT", help="The run folder.")],
    /,
    *,
    devices: DeviceOptions | None = None,
    balancing: BalancingOptions | None = None,
    resuming: ResumingOptions | None = None,
    cluster: ClusterOptions | None = None,
    screen: ScreenOptions | None = None,
    script: ScriptOptions | None = None,
) -> int:
    """Resume the run in a folder.

    Inputs, model and all other settings come from the run's ledger. Options can change those that
    do not affect the results.
    """
    from tui_balancer.run_folder.settings_json import settings_of

    request = (cluster or ClusterOptions()).request()
    settings = resumed_settings(settings_of(output), devices, balancing)
    settings = replace(settings, cluster=request)
    return _carried_out(settings, resuming, screen, script)


def _carried_out(
    settings: RunSettings,
    resuming: ResumingOptions | None,
    screen: ScreenOptions | None,
    script: ScriptOptions | None,
) -> int:
    """Watch a run from preparation to end, and print its report if asked."""
    from tui_balancer.cli.watch import watch
    from tui_balancer.run.prepare.prepare import prepare
    from tui_balancer.run.prepare.resume import Resuming

    options = resuming or ResumingOptions()
    settings = replace(settings, overwrite=options.overwrite)
    allowed = Resuming(options.rescan, options.retry_failed)
    screen, script = screen or ScreenOptions(), script or ScriptOptions()
    code = watch(
        settings,
        lambda on_step: prepare(settings, resuming=allowed, on_step=on_step),
        headless=screen.headless,
        ascii_only=screen.ascii,
        quiet=script.quiet,
        lines=sys.stderr if script.json or script.quiet else sys.stdout,
    )
    if script.json:
        try:
            print_report(settings.output)
        except UserError as problem:
            # The ledger was removed during the run: the run has reported its own end.
            print(f"tui-balancer: {problem}", file=sys.stderr)
            return code or EXIT_FAILED
    return code


@app.command(help_epilogue=EXIT_CODES)
def attach(
    output: RunFolder,
    /,
    *,
    read_only: Annotated[bool, flag(help="Show everything, refuse every command.")] = False,
    screen: ScreenOptions | None = None,
) -> int:
    """Watch and control a run that another terminal started on this machine.

    Shows the same screen with the same commands, in any number of terminals; closing it does not
    affect the run. For a run that has ended it shows the summary.
    """
    from tui_balancer.cli.commands.attach import watch_attached

    screen = screen or ScreenOptions()
    return watch_attached(
        output, headless=screen.headless, read_only=read_only, ascii_only=screen.ascii
    )


app.command(explain, usage="Usage: tui-balancer explain OUT [FILE|DEVICE...] [OPTIONS]")
app.command(demo, help_epilogue=EXIT_CODES)
app.command(plan, usage="Usage: tui-balancer plan INPUT... [OPTIONS]")
app.command(devices)
app.command(bench)
app.command(export)
app.command(inspect)
app.command(verify)
app.command(simulate)
app.command(report)
app.command(replay)
app.command(config)
app.command(manual)
add_completion(app)
apply_preferences(app["run"], app["plan"], app["demo"], app["devices"], app["bench"])


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
    try:
        # The parser takes a lone - for an option without a name.
        words = [STDIN if word == "-" else word for word in sys.argv[1:]]
        code = app.carry_out(words)
    except MissingArgumentError as mistake:
        print(f"tui-balancer: {_missing(mistake)}", file=sys.stderr)
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
