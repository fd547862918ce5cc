"""The commands: run, demo, plan, devices."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Annotated, NoReturn

from cyclopts import App, CycloptsError, Parameter
from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TaskID,
    TextColumn,
    TransferSpeedColumn,
)

from tui_balancer import __version__
from tui_balancer.errors import UserError
from tui_balancer.options import (
    BalancingOptions,
    DeviceOptions,
    EmbeddingOptions,
    ModelOptions,
    ScreenOptions,
    run_settings,
)
from tui_balancer.run.report import EXIT_DONE, EXIT_FAILED, EXIT_INTERRUPTED, EXIT_USAGE

EXIT_CODES = (
    "Exit codes: 0 every file done, 1 some failed or left waiting, 2 usage, 130 interrupted."
)

DEMO_MODEL = "esm2_t6_8M_UR50D"
DEMO_DOWNLOAD_SECONDS = 5.0
"""How long the demo waits for the real weights' first byte before it makes up its own."""

DEMO_FILES = 40
DEMO_SEQUENCES = 6000

_stdout = Console()
_stderr = Console(stderr=True)

app = App(
    name="tui-balancer",
    version=__version__,
    help="ESM-2 embeddings of many protein FASTA files, on every device of this machine.\n\n"
    "Files are shared out over the devices by their cost, and a device that runs dry steals whole "
    "files from a busy one. Watch and steer it on the screen, or run it without one.\n\n"
    + EXIT_CODES,
)

Inputs = Annotated[
    tuple[str, ...],
    Parameter(name="INPUT", show_default=False, help="FASTA files, folders or globs; .gz too."),
]
Output = Annotated[
    Path,
    Parameter(name=["--output", "-o"], help="The run folder: one output for each input, and logs."),
]


@app.command(help_epilogue=EXIT_CODES)
def run(
    inputs: Inputs,
    /,
    *,
    output: Output,
    model: ModelOptions | None = None,
    devices: DeviceOptions | None = None,
    balancing: BalancingOptions | None = None,
    embedding: EmbeddingOptions | None = None,
    screen: ScreenOptions | None = None,
) -> int:
    """Embed FASTA files.

    Writes NAME_ESM.pt for every input under OUTPUT, in the tree of the inputs: the ids, and for
    each the mean of the chosen layer's representations over its residues.
    """
    from tui_balancer.run.prepare import prepare
    from tui_balancer.watching import watch

    settings = run_settings(
        inputs,
        output,
        model or ModelOptions(),
        devices or DeviceOptions(),
        balancing or BalancingOptions(),
        embedding or EmbeddingOptions(),
    )
    with _download_progress() as on_download:
        prepared = prepare(settings, on_download=on_download)
    return watch(prepared, headless=(screen or ScreenOptions()).headless)


@app.command(help_epilogue=EXIT_CODES)
def demo(
    *,
    output: Output = Path("tui-balancer-demo"),
    size: Annotated[float, Parameter(help="Times the work of two minutes on two cores.")] = 1.0,
    seed: Annotated[int, Parameter(help="Of the made-up proteins and untrained weights.")] = 0,
    devices: DeviceOptions | None = None,
    balancing: BalancingOptions | None = None,
    screen: ScreenOptions | None = None,
) -> int:
    """Try it out on made-up proteins.

    Writes a seeded set of uneven FASTA files to OUTPUT/proteins and embeds them into
    OUTPUT/embeddings with the smallest ESM-2: its real weights where they are cached or can be
    downloaded (30 MB), random ones of the same shape otherwise; it says which.
    """
    from tui_balancer.inputs.synthetic import write_synthetic
    from tui_balancer.run.prepare import prepare
    from tui_balancer.watching import watch

    if size <= 0:
        raise UserError(f"--size must be more than 0, not {size:g}")
    proteins = output / "proteins"
    write_synthetic(
        proteins, files=DEMO_FILES, sequences=max(1, round(DEMO_SEQUENCES * size)), seed=seed
    )
    settings = run_settings(
        (str(proteins),),
        output / "embeddings",
        ModelOptions(model=DEMO_MODEL, seed=seed),
        devices or DeviceOptions(),
        balancing or BalancingOptions(),
        EmbeddingOptions(),
    )
    try:
        with _download_progress() as on_download:
            prepared = prepare(
                settings, on_download=on_download, first_byte_seconds=DEMO_DOWNLOAD_SECONDS
            )
    except UserError as problem:
        _stderr.print(f"{problem}\nThe demo goes on with random weights.", highlight=False)
        prepared = prepare(replace(settings, model=f"untrained:{DEMO_MODEL}"))
    return watch(prepared, headless=(screen or ScreenOptions()).headless)


@app.command
def plan(
    inputs: Inputs,
    /,
    *,
    model: ModelOptions | None = None,
    devices: DeviceOptions | None = None,
    embedding: EmbeddingOptions | None = None,
) -> int:
    """Show who would get what, and do no work.

    Counts the inputs and assigns them as a run would. Times come from assumed speeds and are
    rough; a run measures them.
    """
    from tui_balancer.inputs.scan import scan
    from tui_balancer.run.catalogue import Catalogue
    from tui_balancer.run.plan import plan as plan_units
    from tui_balancer.run.prepare import prepare
    from tui_balancer.run.stock import scan_warnings
    from tui_balancer.tables import plan_table

    settings = run_settings(
        inputs,
        Path(),
        model or ModelOptions(),
        devices or DeviceOptions(),
        BalancingOptions(),
        embedding or EmbeddingOptions(),
    )
    prepared = prepare(settings)
    with Progress(console=_stderr, transient=True) as progress:
        task = progress.add_task("counting", total=len(prepared.inputs))
        scans = scan(
            prepared.inputs, settings.reading, on_progress=lambda _: progress.advance(task)
        )
    catalogue = Catalogue.build(scans, Path(), prepared.model.shape)
    _stdout.print(f"{prepared.model.label}, {len(scans):,} files")
    _stdout.print(plan_table(plan_units(prepared, catalogue.good_units)))
    for warning in (*prepared.warnings, *scan_warnings(scans)):
        _stdout.print(f"warning  {warning}", highlight=False, markup=False)
    bad = [one for one in scans if one.error]
    for one in bad:
        _stdout.print(f"would fail  {one.input.name}: {one.error}", highlight=False, markup=False)
    return EXIT_FAILED if bad else EXIT_DONE


@app.command
def devices(*, devices: DeviceOptions | None = None) -> int:
    """Show the devices that a run would use, with their weights and why."""
    from tui_balancer.run.prepare import prepare_devices
    from tui_balancer.tables import devices_table

    settings = run_settings(
        (),
        Path(),
        ModelOptions(),
        devices or DeviceOptions(),
        BalancingOptions(),
        EmbeddingOptions(),
    )
    found, specs, warnings = prepare_devices(settings)
    _stdout.print(devices_table(found, specs))
    for warning in warnings:
        _stdout.print(f"warning  {warning}", highlight=False, markup=False)
    return EXIT_DONE


def main() -> NoReturn:
    """Run the command line; a mistake of the user's is one line and exit code 2."""
    try:
        code = app(result_action="return_value", exit_on_error=False, print_error=False)
    except (UserError, CycloptsError) as mistake:
        print(f"tui-balancer: {mistake}", file=sys.stderr)
        sys.exit(EXIT_USAGE)
    except KeyboardInterrupt:
        sys.exit(EXIT_INTERRUPTED)
    sys.exit(code)


@contextmanager
def _download_progress() -> Iterator[Callable[[int, int], None]]:
    """Show a bar while a model comes in; nothing when none does."""
    columns = (TextColumn("downloading the model"), BarColumn(), DownloadColumn())
    with Progress(
        *columns,
        TransferSpeedColumn(),
        console=_stderr,
        transient=True,
        disable=not _stderr.is_terminal,
    ) as progress:
        tasks: list[TaskID] = []

        def on_download(done: int, total: int) -> None:
            if not tasks:
                tasks.append(progress.add_task("", total=total or None))
            progress.update(tasks[0], completed=done)

        yield on_download
