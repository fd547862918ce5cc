"""Measures how fast the devices of this machine embed, for `bench`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from statistics import median

from tui_balancer.devices.processor import CPU
from tui_balancer.devices.selection import SelectedDevice, parse_devices
from tui_balancer.embedding.families.requests import parse_model
from tui_balancer.embedding.families.table import FAMILIES
from tui_balancer.embedding.models import ModelSource
from tui_balancer.embedding.settings import Precision
from tui_balancer.formatting import plural
from tui_balancer.run.prepare.batch_size import suitable_batch_tokens
from tui_balancer.run.prepare.devices import selected_devices
from tui_balancer.run.prepare.learned_rates import remember
from tui_balancer.run.prepare.precision import choose_precision, precisions
from tui_balancer.run.prepare.prepare import OnStep, downloading
from tui_balancer.settings import RunSettings
from tui_balancer.workers.benchmark.benchmark import benchmark
from tui_balancer.workers.benchmark.messages import (
    BUCKETS,
    BenchmarkTask,
    LengthBucket,
    Measurement,
)
from tui_balancer.workers.preflight.messages import PreflightRequest
from tui_balancer.workers.preflight.preflight import preflight

_CEILINGS = 0.5
"""Time of the matrix products of one number format, in measurements of a bucket."""


@dataclass(frozen=True, slots=True)
class Benchmark:
    """The measurements to make, on all devices at once.

    Attributes:
        devices: In order.
        tasks: One per device.
        batch_tokens: Maximum tokens of a batch, as in a run on these devices.
        warnings: Lines for the user.
    """

    model: ModelSource
    devices: tuple[SelectedDevice, ...]
    tasks: tuple[BenchmarkTask, ...]
    batch_tokens: int
    warnings: tuple[str, ...]

    @property
    def measurements(self) -> int:
        """Number of measurements."""
        return sum(task.measurements for task in self.tasks)

    def device_lines(self) -> tuple[str, ...]:
        """Return one line per device; the CPU workers count as one."""
        workers = [one for one in self.devices if one.device.startswith(CPU)]
        lines = [f"{one.device}  {one.name}" for one in self.devices if one not in workers]
        if workers:
            processes, threads = (
                plural(len(workers), "worker"),
                plural(workers[0].threads, "thread"),
            )
            lines.append(f"{CPU}  {workers[0].name}, {processes} of {threads}")
        return tuple(lines)

    def measure(self, on_measured: Callable[[Measurement], None]) -> tuple[Measurement, ...]:
        """Measure, and return the results in order of devices, formats and lengths.

        The CPU workers count as one device with their total speed. The speed of each is stored for
        later runs, see `learned_rates`.

        Raises:
            UserError: A device does not work.
        """
        measured = benchmark(self.tasks, on_measured)
        self._remember(measured)
        places = {task.device: place for place, task in enumerate(self.tasks)}
        together: dict[tuple[str, Precision, LengthBucket], Measurement] = {}
        # The sort is stable, and each device reports in the order of formats and lengths.
        for one in sorted(measured, key=lambda one: places[one.device]):
            device = CPU if one.device.startswith(CPU) else one.device
            key = (device, one.precision, one.bucket)
            together[key] = (
                _sum(together[key], one) if key in together else replace(one, device=device)
            )
        return tuple(together.values())

    def _remember(self, measured: Sequence[Measurement]) -> None:
        rates: dict[Precision, dict[str, list[float]]] = {}
        for one in measured:
            of_device = rates.setdefault(one.precision, {}).setdefault(one.device, [])
            of_device.append(one.flops_per_second)
        for precision, of_devices in rates.items():
            medians = {device: median(values) for device, values in of_devices.items()}
            remember(medians, self.devices, self.model.name, precision)


def _sum(one: Measurement, other: Measurement) -> Measurement:
    """Return the sum of two workers' results."""
    return replace(
        one,
        residues_per_second=one.residues_per_second + other.residues_per_second,
        flops_per_second=one.flops_per_second + other.flops_per_second,
        ceiling=one.ceiling + other.ceiling,
    )


def prepare_benchmark(
    settings: RunSettings,
    seconds: float,
    on_step: OnStep = lambda _: None,
    *,
    as_in_a_run: bool = False,
) -> Benchmark:
    """Plan the measurements; download the model if needed.

    Args:
        settings: Devices, model and precision; `auto` measures all useful formats.
        seconds: Approximate time for all measurements together.
        on_step: Called with the progress of a download.
        as_in_a_run: Measure only the format that a run on all of the devices would use.

    Raises:
        UserError: Something is missing or wrong.
    """
    request = PreflightRequest(
        parse_model(settings.model, settings.seed), parse_devices(settings.devices.devices)
    )
    report = preflight(request, downloading(on_step))
    assert report.model is not None, "the settings have a model"
    shape = report.model.shape
    of_model = FAMILIES[shape.family].precisions
    devices = selected_devices(settings, report.devices, shape)
    batch_tokens = suitable_batch_tokens(devices, shape)
    tasks: list[BenchmarkTask] = []
    for one in devices:
        formats = precisions(one, of_model)
        if as_in_a_run or settings.embedding.precision != "auto":
            together = devices if as_in_a_run else [one]
            precision = settings.embedding.precision
            chosen = choose_precision(precision, together, reference=False, formats=of_model)
            formats = (chosen,)
        tasks.append(
            BenchmarkTask(
                device=one.device,
                threads=one.threads,
                model=report.model,
                precisions=formats,
                batch_tokens=batch_tokens,
                seconds=seconds / (len(formats) * (len(BUCKETS) + _CEILINGS)),
                visible=one.visible,
            )
        )
    return Benchmark(report.model, devices, tuple(tasks), batch_tokens, report.warnings)
