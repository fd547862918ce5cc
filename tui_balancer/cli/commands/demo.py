"""The command `demo`: a short run on made-up proteins."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from tui_balancer.cli.declarations import decimal, whole
from tui_balancer.cli.options import (
    MOST_SEED,
    BalancingOptions,
    DeviceOptions,
    ModelOptions,
    Output,
    ScreenOptions,
)
from tui_balancer.embedding.families.requests import UNTRAINED_PREFIX
from tui_balancer.embedding.families.table import SMALLEST_MODEL
from tui_balancer.errors import UserError
from tui_balancer.formatting import estimate

if TYPE_CHECKING:
    from tui_balancer.run.prepare.checking import OnStep
    from tui_balancer.run.prepare.prepare import PreparedRun
    from tui_balancer.settings import RunSettings

DEMO_SECONDS = 120.0
"""Target duration of a demo in seconds."""

MOST_SIZE = 1000
"""A day and a half."""

UNTRAINED = f"{UNTRAINED_PREFIX}{SMALLEST_MODEL}"

DOWNLOAD_SECONDS = 5.0
"""Seconds to wait for the first byte of the real weights before using random ones."""


def demo(
    *,
    output: Output = Path("tui-balancer-demo"),
    size: Annotated[
        float,
        decimal(
            0,
            MOST_SIZE,
            above=True,
            help="How long the demo takes, as a multiple of about "
            f"{DEMO_SECONDS / 60:g} minutes on this machine.",
        ),
    ] = 1.0,
    seed: Annotated[
        int, whole(0, MOST_SEED, help="Seed of the made-up proteins and untrained weights.")
    ] = 0,
    devices: DeviceOptions | None = None,
    balancing: BalancingOptions | None = None,
    screen: ScreenOptions | None = None,
) -> int:
    """Try the program on made-up proteins.

    Measures the devices, estimates the duration, writes a seeded set of uneven FASTA files of that
    size to OUTPUT/proteins and embeds them into OUTPUT/embeddings with the smallest model: with
    its real weights if they are cached or can be downloaded, otherwise with random ones of the
    same shape; it says which. It overrates the first device (unless --weights is given), so that
    you see steals. The same command resumes an unfinished demo with its files; to run a finished
    one again, remove OUTPUT or choose another.
    """
    from tui_balancer.cli.settings import run_settings
    from tui_balancer.cli.watch import watch
    from tui_balancer.notices import Notice
    from tui_balancer.run.prepare.prepare import prepare

    settings = run_settings(
        (str(output / "proteins"),),
        output / "embeddings",
        ModelOptions(model=(SMALLEST_MODEL,), seed=seed),
        devices,
        balancing,
    )
    print(_inputs(settings, output / "proteins", size * DEMO_SECONDS), flush=True)

    def prepared(on_step: OnStep) -> PreparedRun:
        try:
            found = prepare(settings, on_step=on_step, first_byte_seconds=DOWNLOAD_SECONDS)
        except UserError as problem:
            found = prepare(replace(settings, model=UNTRAINED), on_step=on_step)
            why = Notice(f"{problem}; the demo uses random weights")
            found = replace(found, warnings=(why, *found.warnings))
        return _misjudged(found) if settings.devices.weights is None else found

    screen = screen or ScreenOptions()
    return watch(settings, prepared, headless=screen.headless, ascii_only=screen.ascii)


def _inputs(settings: RunSettings, proteins: Path, seconds: float) -> str:
    """Make the inputs if they do not exist, and return a line about them."""
    from tui_balancer.cli.progress import bars
    from tui_balancer.run.lab.demo_inputs import FILES, measured_size, write_inputs

    try:
        if proteins.is_dir() and any(proteins.iterdir()):
            return f"The files in {proteins} are used again. For new ones, choose another --output."
        proteins.parent.mkdir(parents=True, exist_ok=True)
        with bars() as on_step:
            # The weights do not affect the speed.
            size = measured_size(replace(settings, model=UNTRAINED), seconds, on_step)
            write_inputs(proteins, size, settings.seed, on_step)
    except OSError as problem:
        raise UserError(
            f"cannot write {proteins}: {problem.strerror}; choose another folder with --output"
        ) from None
    return (
        f"{size.sequences:,} made-up proteins in {FILES} files: {estimate(size.seconds)} on these "
        "devices"
    )


def _misjudged(prepared: PreparedRun) -> PreparedRun:
    """Overrate the first device: a good assignment would leave little to steal."""
    first, *others = (replace(spec, rate=None) for spec in prepared.specs)
    return replace(prepared, specs=(replace(first, weight=2 * first.weight), *others))
