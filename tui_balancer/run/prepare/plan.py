"""The initial assignment of a run, without starting it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf
from pathlib import Path

from tui_balancer.devices.selection import SelectedDevice
from tui_balancer.inputs.duplicates import DuplicateIndex
from tui_balancer.inputs.scan import FileScan
from tui_balancer.ledger.records import FileRecord
from tui_balancer.outputs.layout import output_paths
from tui_balancer.run.prepare.duplicates import Spared, without_copies
from tui_balancer.run.prepare.models import PreparedModel, model_spec
from tui_balancer.run.prepare.prepare import PreparedRun
from tui_balancer.run.prepare.speeds import COMMON_LENGTH, assumed_flops
from tui_balancer.run_folder.manifest import Manifest, file_records, numbered_from
from tui_balancer.run_folder.shards import index_parts, with_costs_of
from tui_balancer.scheduler.model import DeviceSpec, Unit
from tui_balancer.scheduler.policy.assignment import assign_files_weighted, known_speeds
from tui_balancer.scheduler.policy.bounds import Speed, fluid_bound
from tui_balancer.scheduler.policy.model_shares import assign_by_model
from tui_balancer.scheduler.simulation.devices import REPORT_SECONDS, Rules, SimulatedDevice
from tui_balancer.scheduler.simulation.simulate import simulate

SIMULATED_FILES = 20_000
"""With more files the end is not simulated: the bound is within 0.1 % of it."""

BATCHES = 20_000
"""Maximum number of simulated batches, for the same reason."""

REPORTS = 1000
"""Number of progress reports of a simulated device; more would only take longer."""


@dataclass(frozen=True, slots=True)
class PlannedDevice:
    """One device's share of the assignment.

    Attributes:
        files: Files it would start with.
        cost: Their FLOPs.
        seconds: A rough estimate, from assumed speeds or those of earlier runs.
    """

    device: str
    name: str
    weight: float
    files: int
    sequences: int
    residues: int
    cost: float
    seconds: float


@dataclass(frozen=True, slots=True)
class ScannedModel:
    """What the scan found in a model's inputs.

    Attributes:
        scans: Results of the scan.
        duplicate_index: Index of the same scan; None if copies are computed too.
    """

    model: PreparedModel
    scans: Sequence[FileScan]
    duplicate_index: DuplicateIndex | None


def planned_manifest(scanned: Sequence[ScannedModel]) -> tuple[Manifest, Spared]:
    """Return the scanned files as units of a run, and what need not be computed."""
    files: list[FileRecord] = []
    spared = Spared()
    for one in scanned:
        shape, tokens = one.model.source.shape, one.model.embedding.batch_tokens
        paths = output_paths([scan.input for scan in one.scans], mark=one.model.mark)
        records = file_records(one.scans, paths, shape, tokens, label=one.model.label)
        if one.duplicate_index is not None:
            parts = index_parts(one.scans, records)
            costed, own = without_copies(parts, one.duplicate_index, shape)
            records, spared = with_costs_of(costed, records), spared.plus(own)
        files += numbered_from(len(files), records)
    return Manifest.of(files, Path(), marks=tuple(one.model.mark for one in scanned)), spared


def plan(prepared: PreparedRun, units: Sequence[Unit]) -> tuple[PlannedDevice, ...]:
    """Return the initial assignment of scanned units to a prepared run's devices."""
    specs = prepared.specs
    if len(prepared.models) > 1:
        queues = assign_by_model(
            units, specs, known_speeds(specs), lambda _: 0.0, assign_files_weighted
        )
    else:
        queues = assign_files_weighted(units, specs)
    planned = []
    for spec, selected in zip(prepared.specs, prepared.devices, strict=True):
        queue = queues[spec.device]
        cost = sum(unit.cost for unit in queue)
        planned.append(
            PlannedDevice(
                device=spec.device,
                name=spec.name,
                weight=spec.weight,
                files=sum(unit.inputs for unit in queue),
                sequences=sum(unit.sequences for unit in queue),
                residues=sum(unit.residues for unit in queue),
                cost=cost,
                seconds=cost / _flops(spec, selected),
            )
        )
    return tuple(planned)


def predicted_seconds(prepared: PreparedRun, units: Sequence[Unit]) -> float:
    """Return the simulated time until all files are done, without model loading.

    As rough as the assumed speeds; uses the run's stealing policy.
    """
    costs = [unit.cost for unit in units]
    devices = [
        SimulatedDevice(spec, Speed.steady(_flops(spec, selected)))
        for spec, selected in zip(prepared.specs, prepared.devices, strict=True)
    ]
    bound = fluid_bound(costs, [device.speed for device in devices])
    if len(units) > SIMULATED_FILES:
        return bound
    balancing = prepared.settings.balancing
    rules = Rules(
        balancing.policy,
        stealing=balancing.stealing,
        batch_cost=max(_batch_cost(prepared), sum(costs) / BATCHES) if balancing.splitting else inf,
        report_seconds=max(REPORT_SECONDS, bound / REPORTS),
        models=tuple(model_spec(one.source) for one in prepared.models),
    )
    return simulate(devices, units, rules).now


def _batch_cost(prepared: PreparedRun) -> float:
    """Return the FLOPs of a batch of sequences of common length, of the costliest model."""
    return max(
        one.source.shape.flops(tokens, tokens * COMMON_LENGTH)
        for one in prepared.models
        for tokens in (one.embedding.batch_tokens,)
    )


def _flops(spec: DeviceSpec, selected: SelectedDevice) -> float:
    """Return a device's rate from earlier runs, or else its assumed rate, in FLOP/s."""
    return spec.rate or assumed_flops(spec.device, spec.weight, selected.threads)
