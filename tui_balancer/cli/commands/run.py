"""The commands run and resume."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from tui_balancer.cli.cluster_options import ClusterOptions
from tui_balancer.cli.embedding_options import EmbeddingOptions
from tui_balancer.cli.options import (
    BalancingOptions,
    DeviceOptions,
    Input,
    Listed,
    ModelOptions,
    MonitoringOptions,
    Output,
    ResumingOptions,
    ScreenOptions,
    ScriptOptions,
    WatchOptions,
)
from tui_balancer.errors import UserError
from tui_balancer.exit_codes import EXIT_FAILED

if TYPE_CHECKING:
    from tui_balancer.settings import RunSettings
    from tui_balancer.workers.process.warm import WarmPool


def run(
    *inputs: Input,
    output: Output,
    listed: Listed = None,
    model: ModelOptions | None = None,
    devices: DeviceOptions | None = None,
    balancing: BalancingOptions | None = None,
    embedding: EmbeddingOptions | None = None,
    resuming: ResumingOptions | None = None,
    watching: WatchOptions | None = None,
    cluster: ClusterOptions | None = None,
    screen: ScreenOptions | None = None,
    monitoring: MonitoringOptions | None = None,
    script: ScriptOptions | None = None,
) -> int:
    """Embed FASTA files.

    Writes NAME_ESM.pt for every input under OUTPUT, in the tree of the inputs: the ids, and the
    mean of a layer's representations over the residues of each sequence. The same command
    resumes an unfinished run; finished outputs are checked, not repeated.
    """
    from tui_balancer.cli.inputs import named_inputs
    from tui_balancer.cli.settings import require_watch, run_settings

    settings = run_settings(
        named_inputs(inputs, listed, output),
        output,
        model,
        devices,
        balancing,
        embedding,
        watching,
    )
    require_watch(watching, settings)
    settings = replace(settings, cluster=(cluster or ClusterOptions()).request())
    return carried_out(settings, resuming, screen, monitoring, script)


def resume(
    output: Annotated[Path, Parameter(name="OUTPUT", help="The run folder.")],
    /,
    *,
    devices: DeviceOptions | None = None,
    balancing: BalancingOptions | None = None,
    resuming: ResumingOptions | None = None,
    watching: WatchOptions | None = None,
    cluster: ClusterOptions | None = None,
    screen: ScreenOptions | None = None,
    monitoring: MonitoringOptions | None = None,
    script: ScriptOptions | None = None,
) -> int:
    """Resume the run in a folder.

    Inputs, model and all other settings come from the run's ledger. Options can change those that
    do not affect the results.
    """
    from tui_balancer.cli.settings import require_watch, resumed_settings
    from tui_balancer.run_folder.settings_json import settings_of

    request = (cluster or ClusterOptions()).request()
    settings = resumed_settings(settings_of(output), devices, balancing, watching)
    require_watch(watching, settings)
    settings = replace(settings, cluster=request)
    return carried_out(settings, resuming, screen, monitoring, script)


def carried_out(
    settings: RunSettings,
    resuming: ResumingOptions | None,
    screen: ScreenOptions | None,
    monitoring: MonitoringOptions | None,
    script: ScriptOptions | None,
) -> int:
    """Watch a run from preparation to end, and print its report if asked."""
    from tui_balancer.ledger.reading import is_blank
    from tui_balancer.ledger.schema import LEDGER_NAME
    from tui_balancer.run.prepare.devices import warm_workers
    from tui_balancer.workers.process.warm import WarmPool

    with WarmPool() as pool:
        if is_blank(settings.output / LEDGER_NAME):
            # The process imports torch while this one imports what follows.
            warm_workers(pool, settings, work=False)
        return _watched(settings, resuming, screen, monitoring, script, pool)


def _watched(
    settings: RunSettings,
    resuming: ResumingOptions | None,
    screen: ScreenOptions | None,
    monitoring: MonitoringOptions | None,
    script: ScriptOptions | None,
    pool: WarmPool,
) -> int:
    """See `carried_out`; processes come from `pool`."""
    from tui_balancer.cli.commands.report import print_report
    from tui_balancer.cli.watch import watch
    from tui_balancer.monitoring.metrics_server import parse_address
    from tui_balancer.monitoring.monitors import Monitors
    from tui_balancer.process.heap import return_large_blocks
    from tui_balancer.run.prepare.prepare import prepare
    from tui_balancer.run.prepare.resume import Resuming

    return_large_blocks()
    options = resuming or ResumingOptions()
    settings = replace(settings, overwrite=options.overwrite)
    allowed = Resuming(options.rescan, options.retry_failed, options.check == "full")
    screen, script = screen or ScreenOptions(), script or ScriptOptions()
    lines = sys.stderr if script.json or script.quiet else sys.stdout
    told = monitoring or MonitoringOptions()
    address = None if told.metrics is None else parse_address(told.metrics)
    with Monitors(told.notify or "", address) as monitors:
        if monitors.address is not None and not script.quiet:
            print(f"metrics  {monitors.address}", file=lines, flush=True)
        code = watch(
            settings,
            lambda on_step: prepare(settings, resuming=allowed, on_step=on_step, pool=pool),
            headless=screen.headless,
            ascii_only=screen.ascii,
            quiet=script.quiet,
            lines=lines,
            monitors=monitors,
        )
    if script.json:
        try:
            print_report(settings.output)
        except UserError as problem:
            # The ledger was removed during the run: the run has reported its own end.
            print(f"tui-balancer: {problem}", file=sys.stderr)
            return code or EXIT_FAILED
    return code
