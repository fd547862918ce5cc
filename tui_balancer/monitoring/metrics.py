"""The metrics of a run: names, meanings and values."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final, Literal

from tui_balancer.device_names import device_name
from tui_balancer.samples import DeviceSample
from tui_balancer.scheduler.model import DeviceMetrics, DeviceState
from tui_balancer.view.handle import Phase, RunSnapshot

PREFIX: Final = "tui_balancer"

Sample = tuple[tuple[str, ...], float]
"""Values of the labels, and the number."""


@dataclass(frozen=True, slots=True)
class MetricOf:
    """A metric.

    Attributes:
        name: Without the prefix; a counter's samples have `_total` after it.
        kind: Its type in OpenMetrics.
        about: What it is.
        labels: Names of its labels.
        read: Returns the samples of a run; none for what is not known.
    """

    name: str
    kind: Literal["gauge", "counter"]
    about: str
    labels: tuple[str, ...]
    read: Callable[[RunSnapshot], Iterable[Sample]]

    @property
    def sample_name(self) -> str:
        """The name that a query has."""
        return f"{PREFIX}_{self.name}{'_total' if self.kind == 'counter' else ''}"


def _run(name: str, about: str, read: Callable[[RunSnapshot], float | None]) -> MetricOf:
    def samples(snapshot: RunSnapshot) -> Iterable[Sample]:
        value = read(snapshot)
        return () if value is None else (((), value),)

    return MetricOf(name, "gauge", about, (), samples)


def _device(
    name: str,
    about: str,
    read: Callable[[DeviceMetrics], float | None],
    kind: Literal["gauge", "counter"] = "gauge",
) -> MetricOf:
    def samples(snapshot: RunSnapshot) -> Iterable[Sample]:
        for one in snapshot.devices:
            value = read(one)
            if value is not None:
                yield (one.device,), value

    return MetricOf(f"device_{name}", kind, about, ("device",), samples)


def _card(name: str, about: str, read: Callable[[DeviceSample], float | None]) -> MetricOf:
    """Return a metric of a card as a whole: however many workers it has, there is one figure."""

    def samples(snapshot: RunSnapshot) -> Iterable[Sample]:
        figures: dict[str, float] = {}
        for one in snapshot.devices:
            value = read(one.sample)
            if value is not None:
                figures.setdefault(device_name(one.device).card, value)
        return (((card,), value) for card, value in figures.items())

    return MetricOf(f"device_{name}", "gauge", about, ("device",), samples)


def _files(snapshot: RunSnapshot) -> Iterable[Sample]:
    totals = snapshot.totals
    for state in ("waiting", "running", "done", "failed", "skipped"):
        yield (state,), getattr(totals, state)


def _residues(snapshot: RunSnapshot) -> Iterable[Sample]:
    totals = snapshot.totals
    yield ("done",), totals.residues_done
    yield ("left",), totals.residues - totals.residues_done


def _sequences(snapshot: RunSnapshot) -> Iterable[Sample]:
    totals = snapshot.totals
    yield ("done",), totals.sequences_done
    yield ("left",), totals.sequences - totals.sequences_done


def _phase(snapshot: RunSnapshot) -> Iterable[Sample]:
    return (((one.value,), float(snapshot.phase is one)) for one in Phase)


def _states(snapshot: RunSnapshot) -> Iterable[Sample]:
    for device in snapshot.devices:
        for state in DeviceState:
            yield (device.device, state.value), float(device.state is state)


METRICS: Final = (
    MetricOf("phase", "gauge", "1 for the phase of the run, else 0", ("phase",), _phase),
    MetricOf("files", "gauge", "Files by state", ("state",), _files),
    MetricOf("sequences", "gauge", "Sequences that are embedded, and left", ("state",), _sequences),
    MetricOf("residues", "gauge", "Residues that are embedded, and left", ("state",), _residues),
    _run("sequences_per_second", "Recent speed", lambda run: run.sequences_per_second),
    _run("residues_per_second", "Recent speed in residues", lambda run: run.residues_per_second),
    _run("eta_seconds", "Estimated seconds to the end", lambda run: run.eta_seconds),
    _run(
        "efficiency_ratio",
        "Best possible time of the work so far over its time, from 0 to 1",
        lambda run: run.efficiency,
    ),
    _run("elapsed_seconds", "Seconds since the start", lambda run: run.elapsed_seconds),
    _run("held", "1 while the run is held (a full disk), else 0", lambda run: bool(run.trouble)),
    _run("warnings", "Different warnings", lambda run: len(run.warnings)),
    MetricOf("device_state", "gauge", "1 for its state, else 0", ("device", "state"), _states),
    _device("queued_files", "Files in its queue", lambda one: one.queued_files),
    _device("queued_flops", "FLOPs in its queue", lambda one: one.queued_cost),
    _device("finish_seconds", "Estimated seconds to its end", lambda one: one.finish_seconds),
    _device("busy_ratio", "Recent share of time with a batch", lambda one: one.utilisation),
    _card(
        "sensor_ratio",
        "Utilisation that its sensor reports, from 0 to 1; one figure a card",
        lambda sample: sample.sensor_utilisation,
    ),
    _card(
        "memory_used_bytes", "Memory in use; one figure a card", lambda sample: sample.memory_used
    ),
    _card("memory_bytes", "Memory in all; one figure a card", lambda sample: sample.memory_total),
    _device(
        "process_memory_bytes",
        "Memory of a CUDA device that its worker has",
        lambda one: one.sample.process_memory,
    ),
    _device(
        "residues_per_second", "Its recent speed in residues", lambda one: one.residues_per_second
    ),
    _device("flops_per_second", "Its recent speed", lambda one: one.flops_per_second),
    _device("files_done", "Files it finished", lambda one: one.files_done, "counter"),
    _device("residues_done", "Residues it embedded", lambda one: one.residues_done, "counter"),
    _device("stolen_files", "Files it stole", lambda one: one.stolen_to, "counter"),
    _device("given_files", "Files stolen from it", lambda one: one.stolen_from, "counter"),
    _device("restarts", "Restarts of its worker", lambda one: one.restarts, "counter"),
)
"""Every metric, in the order of the manual. To add one: a line here."""
