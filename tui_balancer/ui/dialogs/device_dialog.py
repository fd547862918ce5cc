"""Details of one device: rates, memory, sensors, errors, last files."""

from __future__ import annotations

from textual.content import Content

from tui_balancer.formatting import (
    NONE,
    count,
    duration,
    estimate,
    memory,
    percent,
    plural,
    quantity,
)
from tui_balancer.scheduler.model import DeviceMetrics, DeviceState
from tui_balancer.ui import glyphs
from tui_balancer.ui.dialogs.detail_dialog import DetailDialog, field, heading
from tui_balancer.ui.formatting import bar, floating, shorten, sparkline
from tui_balancer.ui.state.device_rows import is_finished
from tui_balancer.ui.state.screen_state import ScreenState
from tui_balancer.ui.state.throughput_history import SAMPLE_SECONDS

_WIDTH = 60
_SHOWN_EVENTS = 8
_SHOWN_FILES = 8


def device_dialog(run_state: ScreenState, device: str) -> DetailDialog:
    """Return the dialog of a device."""
    return DetailDialog(device, lambda: device_page(run_state, device), device)


def device_page(run_state: ScreenState, device: str) -> list[Content]:
    """Return the current lines of a device."""
    metrics = run_state.device(device)
    if metrics is None:
        return [Content("This device is not in the run.")]
    return [
        *_state(metrics),
        *_rates(run_state, metrics),
        *_balance(metrics),
        *_files(run_state, device),
        *_events(run_state, device),
    ]


def _state(metrics: DeviceMetrics) -> list[Content]:
    style = "$text-error" if metrics.state is DeviceState.DEAD else "bold"
    lines = [
        field("Hardware", metrics.name or NONE),
        field("State", (f"{glyphs.DEVICE_STATES[metrics.state]} {metrics.state.value}", style)),
    ]
    if metrics.note:
        lines.append(field("Why", (metrics.note, style)))
    if metrics.running is not None:
        running = metrics.running
        filled, track = bar(running.fraction, 20)
        lines += [
            field("Running", (shorten(running.unit.name, 50), "bold")),
            field(
                "",
                (filled, "$text-accent"),
                (track, "$foreground 40%"),
                f" {percent(running.fraction)} after {duration(running.seconds)}"
                f"{f', attempt {running.epoch}' if running.epoch > 1 else ''}",
            ),
        ]
    return lines


def _rates(run_state: ScreenState, metrics: DeviceMetrics) -> list[Content]:
    samples = run_state.rates.recent(metrics.device, _WIDTH)
    minutes = _WIDTH * SAMPLE_SECONDS / 60
    rate = f"{floating(metrics.rate)}/s" if metrics.rate else NONE
    finished = run_state.snapshot is not None and is_finished(metrics, run_state.snapshot)
    sequences, residues = (
        None if finished else one
        for one in (metrics.sequences_per_second, metrics.residues_per_second)
    )
    history = [
        field("", (sparkline(samples, _WIDTH), "$text-accent")),
        field(
            "",
            (
                f"the last {minutes:.0f} minutes, up to {quantity(max(samples, default=0))} res/s",
                "$dim",
            ),
        ),
    ]
    return [
        Content(""),
        field(
            "Throughput",
            f"{quantity(sequences)} seq/s, {quantity(residues)} res/s, {rate}",
        ),
        *(history if samples else []),
        field("Busy", f"{percent(metrics.utilisation)} of the last seconds"),
        *_sensors(metrics),
    ]


def _sensors(metrics: DeviceMetrics) -> list[Content]:
    """Return the figures of the device; of a card also this worker's part of its memory."""
    sample = metrics.sample
    whole = memory(sample.memory_used, sample.memory_total)
    if sample.process_memory is not None:
        whole = f"{whole} of the card, {memory(sample.process_memory)} by this worker"
    return [field("Load", percent(sample.sensor_utilisation)), field("Memory", whole)]


def _balance(metrics: DeviceMetrics) -> list[Content]:
    return [
        Content(""),
        field("Queue", f"{plural(metrics.queued_files, 'file')}, {floating(metrics.queued_cost)}"),
        field("ETA", estimate(metrics.finish_seconds)),
        field("Done", plural(metrics.files_done, "file")),
        field("Stolen", f"+{metrics.stolen_to} to it, −{metrics.stolen_from} from it"),
        field("Weight", f"{metrics.weight:g} at the start"),
        field("Restarts", count(metrics.restarts)),
    ]


def _files(run_state: ScreenState, device: str) -> list[Content]:
    track, snapshot = run_state.timeline.tracks.get(device), run_state.snapshot
    if track is None or snapshot is None:
        return []
    lines = [
        Content(
            f"  {snapshot.time_at(span.start)}  "
            f"{span.end - span.start:>7.1f}s  {span.word:<9} {shorten(span.name, 40)}"
        )
        for span in track.latest(_SHOWN_FILES, snapshot.elapsed_seconds)
    ]
    return [Content(""), heading("Last files"), *lines] if lines else []


def _events(run_state: ScreenState, device: str) -> list[Content]:
    snapshot = run_state.snapshot
    rows = [row for row in run_state.events.rows if device in row.line.devices]
    if not rows or snapshot is None:
        return []
    lines = [Content(""), heading("Events")]
    for row in rows[:_SHOWN_EVENTS]:
        time = snapshot.time_at(row.seconds)
        line = row.line
        what = f"{shorten(line.name, 30)}  {line.reason}" if line.name else line.reason
        lines.append(Content(f"  {time}  {line.label.value:<9}{what}"))
    return lines
