"""The commands plan, devices and bench, which write no outputs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from tui_balancer.cli.declarations import decimal
from tui_balancer.cli.embedding_options import EmbeddingOptions
from tui_balancer.cli.options import MOST_SECONDS, DeviceOptions, Input, Listed, ModelOptions
from tui_balancer.embedding.families.requests import UNTRAINED_PREFIX
from tui_balancer.embedding.families.table import SMALLEST_MODEL
from tui_balancer.embedding.settings import PrecisionChoice
from tui_balancer.exit_codes import EXIT_DONE, EXIT_FAILED

if TYPE_CHECKING:
    from rich.console import Console

BENCH_MODEL = f"{UNTRAINED_PREFIX}{SMALLEST_MODEL}"


def plan(
    *inputs: Input,
    listed: Listed = None,
    model: ModelOptions | None = None,
    devices: DeviceOptions | None = None,
    embedding: EmbeddingOptions | None = None,
) -> int:
    """Show which device would get which files, without running.

    Reads the inputs and assigns them as a run would. Times are rough, from assumed speeds; a run
    measures them.
    """
    from tui_balancer.cli.console import stdout_console
    from tui_balancer.cli.inputs import named_inputs
    from tui_balancer.cli.progress import bar
    from tui_balancer.cli.settings import run_settings
    from tui_balancer.cli.tables import plan_table
    from tui_balancer.formatting import estimate, plural
    from tui_balancer.notices import Notice, Notices, notice_line
    from tui_balancer.run.prepare.plan import ScannedModel, planned_manifest, predicted_seconds
    from tui_balancer.run.prepare.plan import plan as plan_units
    from tui_balancer.run.prepare.prepare import prepare
    from tui_balancer.run.prepare.scan_processes import scan_on_cores
    from tui_balancer.run.prepare.scanning import undivided_warnings
    from tui_balancer.run.prepare.stored import duplicate_index

    stdout = stdout_console()
    settings = run_settings(
        named_inputs(inputs, listed, None), model=model, devices=devices, embedding=embedding
    )
    prepared = prepare(settings, resuming=None)
    settings = prepared.settings
    found: list[ScannedModel] = []
    notices: list[Notice] = []
    with bar("counting", prepared.files_found) as update:
        for one in prepared.models:
            noticed = Notices()
            with duplicate_index(one, settings.store, prepared.devices) as seen:
                scans = scan_on_cores(
                    one.inputs,
                    one.reading,
                    on_progress=lambda _: update(advance=1),
                    duplicate_index=seen,
                    shard_bytes=settings.shards.size,
                    notices=noticed,
                )
            found.append(ScannedModel(one, scans, seen))
            notices += noticed.all()
    manifest, spared = planned_manifest(found)
    for scanned in found:
        stdout.print(f"{scanned.model.source.label}, {plural(len(scanned.scans), 'file')}")
    if spared.copies:
        stdout.print(f"{plural(spared.copies, 'sequence')} identical to others: computed once")
    if spared.stored:
        stdout.print(f"{plural(spared.stored, 'sequence')} in the store: not computed")
    stdout.print(plan_table(plan_units(prepared, manifest.good_units)))
    for line in prepared.decided:
        _print_line(stdout, line)
    finish = estimate(predicted_seconds(prepared, manifest.good_units))
    stdout.print(f"estimated finish with stealing: {finish} after the models are loaded")
    for scanned in found:
        notices += undivided_warnings(
            scanned.scans, settings.shards, scanned.model.reading.segment_bytes
        )
    for warning in dict.fromkeys((*prepared.warnings, *notices)):
        _print_line(stdout, f"warning  {notice_line(warning)}")
    bad = [one for scanned in found for one in scanned.scans if one.error]
    for line in dict.fromkeys(f"{one.input.name}: {one.error}" for one in bad):
        _print_line(stdout, f"would fail  {line}")
    return EXIT_FAILED if bad else EXIT_DONE


def devices(*, devices: DeviceOptions | None = None) -> int:
    """Show the devices that a run would use, with their weights and the reasons."""
    from tui_balancer.cli.console import stdout_console
    from tui_balancer.cli.settings import run_settings
    from tui_balancer.cli.tables import devices_table
    from tui_balancer.run.prepare.devices import prepare_devices

    stdout = stdout_console()
    settings = run_settings(devices=devices)
    found, specs, warnings = prepare_devices(settings)
    stdout.print(devices_table(found, specs))
    for warning in warnings:
        _print_line(stdout, f"warning  {warning}")
    return EXIT_DONE


def bench(
    *,
    model: Annotated[
        str, Parameter(help="As for run; the weights have no effect here.")
    ] = BENCH_MODEL,
    precision: Annotated[
        PrecisionChoice, Parameter(help="auto measures each format that a device supports.")
    ] = "auto",
    seconds: Annotated[
        float,
        decimal(
            0, MOST_SECONDS, above=True, help="Approximate seconds to measure, without start-up."
        ),
    ] = 20.0,
    devices: DeviceOptions | None = None,
) -> int:
    """Measure how fast the devices embed.

    All devices work at once, as in a run, on made-up proteins, from short to long. The ceiling is
    each device's speed in the model's matrix products alone. A card is measured with several
    numbers of workers, unless --workers-per-gpu is a number; auto of a run takes the best.
    """
    from tui_balancer.cli.console import stdout_console
    from tui_balancer.cli.progress import bar, bars
    from tui_balancer.cli.settings import run_settings
    from tui_balancer.cli.tables import bench_table
    from tui_balancer.devices.selection import AUTO
    from tui_balancer.run.lab.bench import comparison_lines, prepare_benchmark

    stdout = stdout_console()
    settings = run_settings(
        model=ModelOptions(model=(model,)),
        devices=devices,
        embedding=EmbeddingOptions(precision=precision),
    )
    compare = devices is None or devices.workers_per_gpu in (None, AUTO)
    with bars() as on_step:
        benchmark = prepare_benchmark(settings, seconds, on_step, compare=compare)
    for warning in benchmark.warnings:
        _print_line(stdout, f"warning  {warning}")
    with bar("measuring", benchmark.measurements) as update:
        measured = benchmark.measure(lambda _: update(advance=1))
    stdout.print(f"{benchmark.model.label}, batches of {benchmark.batch_tokens:,} tokens")
    for line in benchmark.device_lines():
        _print_line(stdout, line)
    stdout.print(bench_table(measured))
    for line in comparison_lines(measured):
        _print_line(stdout, line)
    return EXIT_DONE


def _print_line(stdout: Console, text: str) -> None:
    stdout.print(text, highlight=False, markup=False, soft_wrap=True)
