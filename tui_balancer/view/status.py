"""The state of a run in brief: what `status` prints and a script reads."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite
from typing import Final

from tui_balancer.formatting import count, estimate, percent, quantity
from tui_balancer.scheduler.model import DeviceMetrics, DeviceState, PolicySettings, Totals
from tui_balancer.view.handle import Phase, RunSnapshot, ScanProgress

FORMAT: Final = 1
"""See `RunStatus.format`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceStatus:
    """A device in brief.

    Attributes:
        device: Its id: `cuda:0`, `mps`, `cpu:0`.
        name: Name of the hardware.
        state: Its state.
        file: Its running file or bundle; empty without one.
        fraction: Share of that which is done, from 0 to 1.
        queued_files: Files in its queue.
        files_done: Files it finished in this session.
        sequences_per_second: Its recent speed.
        residues_per_second: The same in residues.
        finish_seconds: Estimated seconds until it has no work left.
        restarts: Restarts of its worker.
        note: Why it is dead or slow to start; empty otherwise.
    """

    device: str
    name: str
    state: DeviceState
    file: str
    fraction: float | None
    queued_files: int
    files_done: int
    sequences_per_second: float | None
    residues_per_second: float | None
    finish_seconds: float | None
    restarts: int
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStatus:
    """A run in brief, as `status --json` prints it.

    Attributes:
        format: Version of this output; increases when a field changes its meaning.
        phase: Its phase.
        model: Name of the model.
        output: The run folder, as its user wrote it.
        started_at: Start of the session, as Unix time in seconds.
        elapsed_seconds: Seconds since then.
        paused: Whether all devices are paused.
        no_device: Whether it waits until a drained device is started.
        held: Why the run is held (a full disk); empty otherwise.
        stop_reason: Why it ended early; empty otherwise.
        warnings: Number of different warnings.
        scan: Progress of the scan.
        totals: Files, sequences, residues and FLOPs of the whole run.
        sequences_per_second: Recent speed of all devices.
        residues_per_second: The same in residues.
        eta_seconds: Estimated seconds to the end.
        efficiency: Best possible time of the work so far over its time, from 0 to 1.
        stealing: Whether idle devices steal.
        policy: The stealing policy with its numbers.
        devices: The devices, in their order.
    """

    format: int = FORMAT
    phase: Phase
    model: str
    output: str
    started_at: float
    elapsed_seconds: float
    paused: bool
    no_device: bool
    held: str
    stop_reason: str
    warnings: int
    scan: ScanProgress
    totals: Totals
    sequences_per_second: float | None
    residues_per_second: float | None
    eta_seconds: float | None
    efficiency: float | None
    stealing: bool
    policy: PolicySettings
    devices: tuple[DeviceStatus, ...]


def status_of(snapshot: RunSnapshot) -> RunStatus:
    """Return a run in brief."""
    return RunStatus(
        phase=snapshot.phase,
        model=snapshot.model_label,
        output=snapshot.output,
        started_at=snapshot.started_at,
        elapsed_seconds=snapshot.elapsed_seconds,
        paused=snapshot.paused,
        no_device=snapshot.no_device,
        held=snapshot.trouble,
        stop_reason=snapshot.stop_reason,
        warnings=len(snapshot.warnings),
        scan=snapshot.scan,
        totals=snapshot.totals,
        sequences_per_second=snapshot.sequences_per_second,
        residues_per_second=snapshot.residues_per_second,
        eta_seconds=_known(snapshot.eta_seconds),
        efficiency=snapshot.efficiency,
        stealing=snapshot.stealing,
        policy=snapshot.policy,
        devices=tuple(map(_device, snapshot.devices)),
    )


def progress_parts(status: RunStatus) -> tuple[str, ...]:
    """Return the progress of the whole run, in parts of one line."""
    totals, scan = status.totals, status.scan
    if status.phase is Phase.SCANNING:
        return (
            f"scanning {count(scan.files_scanned)}/{count(scan.files_found)} files, "
            f"{count(scan.sequences)} sequences",
        )
    return (
        _phase(status),
        f"{count(totals.done)}/{count(totals.files)} files",
        *([f"{count(totals.failed)} failed"] if totals.failed else []),
        *([f"{count(totals.skipped)} skipped"] if totals.skipped else []),
        f"{quantity(status.sequences_per_second)} seq/s",
        f"{quantity(status.residues_per_second)} res/s",
        f"{estimate(status.eta_seconds)} left",
    )


def status_lines(status: RunStatus) -> tuple[str, ...]:
    """Return the lines of `status`: the whole run, then each device."""
    return ("  ".join(progress_parts(status)), *map(_device_line, status.devices))


def _phase(status: RunStatus) -> str:
    """Return the activity of the run as a whole."""
    if status.held:
        return f"HELD: {status.held}"
    if status.no_device:
        return "no device, waiting for `start`"
    return "paused" if status.paused else status.phase.value


def _device(metrics: DeviceMetrics) -> DeviceStatus:
    running = metrics.running
    return DeviceStatus(
        device=metrics.device,
        name=metrics.name,
        state=metrics.state,
        file=running.unit.name if running is not None else "",
        fraction=running.fraction if running is not None else None,
        queued_files=metrics.queued_files,
        files_done=metrics.files_done,
        sequences_per_second=metrics.sequences_per_second,
        residues_per_second=metrics.residues_per_second,
        finish_seconds=_known(metrics.finish_seconds),
        restarts=metrics.restarts,
        note=metrics.note,
    )


def _known(seconds: float | None) -> float | None:
    """Return an estimate; None if it is endless, which JSON cannot say."""
    return seconds if seconds is not None and isfinite(seconds) else None


def _device_line(device: DeviceStatus) -> str:
    parts = [
        f"{device.device:<8} {device.state.value}",
        *([f"{device.file} {percent(device.fraction)}"] if device.file else []),
        f"{count(device.queued_files)} queued",
        f"{count(device.files_done)} done",
        f"{quantity(device.residues_per_second)} res/s",
        f"{estimate(device.finish_seconds)} left",
        *([device.note] if device.note else []),
    ]
    return "  ".join(parts)
