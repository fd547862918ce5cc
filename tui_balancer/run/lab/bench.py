"""Measures how fast the devices of this machine embed, for `bench`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from statistics import median

from tui_balancer.device_names import card_workers, device_name
from tui_balancer.devices.processor import CPU
from tui_balancer.devices.selection import SelectedDevice, parse_devices
from tui_balancer.devices.sharing import memory_share
from tui_balancer.embedding.families.requests import parse_model
from tui_balancer.embedding.families.table import FAMILIES
from tui_balancer.embedding.models import ModelSource
from tui_balancer.embedding.settings import EmbeddingSettings, Precision
from tui_balancer.formatting import plural
from tui_balancer.run.prepare.batch_size import suitable_batch_tokens
from tui_balancer.run.prepare.card_workers import (
    COMPARED,
    fastest,
    most_workers,
    remember_comparison,
    share_cards,
)
from tui_balancer.run.prepare.checking import OnStep, downloading
from tui_balancer.run.prepare.devices import selected_devices
from tui_balancer.run.prepare.learned_rates import rate_key, remember
from tui_balancer.run.prepare.precision import choose_precision, precisions
from tui_balancer.run_folder.settings_json import Embedded
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
class Round:
    """Measurements at the same time.

    Attributes:
        devices: In order, one for each worker.
        tasks: One for each.
    """

    devices: tuple[SelectedDevice, ...]
    tasks: tuple[BenchmarkTask, ...]


@dataclass(frozen=True, slots=True)
class Benchmark:
    """The measurements to make, on all devices at once.

    Attributes:
        rounds: One after the other: the first has all devices, the others have cards with more
            workers.
        batch_tokens: Maximum tokens of a batch, as in a run on these devices.
        warnings: Lines for the user.
    """

    model: ModelSource
    rounds: tuple[Round, ...]
    batch_tokens: int
    warnings: tuple[str, ...]

    @property
    def measurements(self) -> int:
        """Number of measurements."""
        return sum(task.measurements for one in self.rounds for task in one.tasks)

    def device_lines(self) -> tuple[str, ...]:
        """Return one line per device; the CPU workers count as one."""
        devices = self.rounds[0].devices
        workers = [one for one in devices if one.kind == CPU]
        others = {_shown(one.device): one.name for one in devices if one not in workers}
        lines = [f"{device}  {name}" for device, name in others.items()]
        if workers:
            processes, threads = (
                plural(len(workers), "worker"),
                plural(workers[0].threads, "thread"),
            )
            lines.append(f"{CPU}  {workers[0].name}, {processes} of {threads}")
        return tuple(lines)

    def measure(self, on_measured: Callable[[Measurement], None]) -> tuple[Measurement, ...]:
        """Measure, and return the results in order of devices, formats, lengths and workers.

        The workers of a card count as one device with their total speed, and so do the CPU
        workers. The speed of each is stored for later runs, see `learned_rates`, and so is which
        number of workers suits a card, see `card_workers`.

        Raises:
            UserError: A device does not work.
        """
        results: list[Measurement] = []
        for one in self.rounds:
            measured = benchmark(one.tasks, on_measured)
            self._remember(one, measured)
            results += _together(one, measured)
        devices = list(dict.fromkeys(one.device for one in results))
        formats = list(dict.fromkeys(one.precision for one in results))
        results.sort(
            key=lambda one: (
                devices.index(one.device),
                formats.index(one.precision),
                BUCKETS.index(one.bucket),
                one.workers,
            )
        )
        self._remember_comparisons(results)
        return tuple(results)

    def _remember(self, one: Round, measured: Sequence[Measurement]) -> None:
        rates: dict[Precision, dict[str, list[float]]] = {}
        for of_worker in measured:
            of_device = rates.setdefault(of_worker.precision, {}).setdefault(of_worker.device, [])
            of_device.append(of_worker.flops_per_second)
        for precision, of_devices in rates.items():
            medians = {device: median(values) for device, values in of_devices.items()}
            remember(medians, one.devices, self.model.name, precision)

    def _remember_comparisons(self, results: Sequence[Measurement]) -> None:
        cards = {_shown(one.device): one for one in self.rounds[0].devices if one.kind == "cuda"}
        for (device, precision), speeds in compared_speeds(results).items():
            key = rate_key(cards[device], self.model.name, precision)
            remember_comparison(key, speeds)


def compared_speeds(
    results: Sequence[Measurement],
) -> dict[tuple[str, Precision], dict[int, float]]:
    """Return the FLOP/s of cards that were measured with several numbers of workers.

    Args:
        results: As `Benchmark.measure` returns them.

    Returns:
        For each card and number format the median over the lengths, by the number of workers.
    """
    values: dict[tuple[str, Precision], dict[int, list[float]]] = {}
    for one in results:
        by_workers = values.setdefault((one.device, one.precision), {})
        by_workers.setdefault(one.workers, []).append(one.flops_per_second)
    return {
        key: {workers: median(speeds) for workers, speeds in by_workers.items()}
        for key, by_workers in values.items()
        if len(by_workers) > 1
    }


def comparison_lines(results: Sequence[Measurement]) -> tuple[str, ...]:
    """Return which number of workers suits each card, a line for each number format."""
    lines = []
    for (device, precision), speeds in compared_speeds(results).items():
        least = min(speeds)
        times = ", ".join(
            f"{workers}: {speed / speeds[least]:.2f}"
            for workers, speed in speeds.items()
            if workers != least
        )
        lines.append(
            f"{device} {precision}: --workers-per-gpu {fastest(speeds)} suits it "
            f"(times the speed of one: {times})"
        )
    return tuple(lines)


def _together(one: Round, measured: Sequence[Measurement]) -> list[Measurement]:
    """Return the measurements of a round, those of a card's workers and of the CPU's as one."""
    places = {task.device: place for place, task in enumerate(one.tasks)}
    together: dict[tuple[str, Precision, LengthBucket], Measurement] = {}
    # The sort is stable, and each device reports in the order of formats and lengths.
    for result in sorted(measured, key=lambda result: places[result.device]):
        device = _shown(result.device)
        key = (device, result.precision, result.bucket)
        together[key] = (
            _sum(together[key], result) if key in together else replace(result, device=device)
        )
    return list(together.values())


def _shown(device: str) -> str:
    """Return the device that a worker's results belong to: its card, or the whole processor."""
    name = device_name(device)
    return CPU if name.kind == CPU else name.card


def _sum(one: Measurement, other: Measurement) -> Measurement:
    """Return the sum of two workers' results."""
    return replace(
        one,
        residues_per_second=one.residues_per_second + other.residues_per_second,
        flops_per_second=one.flops_per_second + other.flops_per_second,
        ceiling=one.ceiling + other.ceiling,
        workers=one.workers + other.workers,
    )


def prepare_benchmark(
    settings: RunSettings,
    seconds: float,
    on_step: OnStep = lambda _: None,
    *,
    as_in_a_run: bool = False,
    compare: bool = False,
) -> Benchmark:
    """Plan the measurements; download the model if needed.

    Args:
        settings: Devices, model and precision; `auto` measures all useful formats.
        seconds: Approximate time for all measurements together.
        on_step: Called with the progress of a download.
        as_in_a_run: Measure only the format that a run on all of the devices would use.
        compare: Measure cards with 1, 2 and 4 workers, not with those of the settings.

    Raises:
        UserError: Something is missing or wrong.
    """
    request = PreflightRequest(
        parse_model(settings.model, settings.seed), parse_devices(settings.devices.devices)
    )
    report = preflight(request, downloading(on_step))
    assert report.model is not None, "the settings have a model"
    source, shape = report.model, report.model.shape
    of_model = FAMILIES[shape.family].precisions
    selected = selected_devices(settings, report.devices, shape)
    batch_tokens = suitable_batch_tokens(selected, shape)
    choice = settings.embedding.precision
    formats: dict[str, tuple[Precision, ...]] = {}
    for one in selected:
        own = precisions(one, of_model)
        if as_in_a_run or choice != "auto":
            together = selected if as_in_a_run else [one]
            own = (choose_precision(choice, together, reference=False, formats=of_model),)
        formats[device_name(one.device).card] = own
    models = [
        (source, EmbeddingSettings(batch_tokens=batch_tokens, precision=one))
        for one in dict.fromkeys(chain.from_iterable(formats.values()))
    ]
    asked = 1 if compare else settings.devices.workers_per_gpu
    rounds = [share_cards(selected, asked, models)[0]]
    rounds += _further_rounds(selected, models) if compare else []

    def task(one: SelectedDevice, workers: int) -> BenchmarkTask:
        own = formats[device_name(one.device).card]
        return BenchmarkTask(
            device=one.device,
            threads=one.threads,
            model=source,
            precisions=own,
            batch_tokens=batch_tokens,
            seconds=seconds / (len(rounds) * len(own) * (len(BUCKETS) + _CEILINGS)),
            visible=one.visible,
            memory_share=memory_share(one.memory_total, workers),
        )

    planned = []
    for devices in rounds:
        workers = card_workers(one.device for one in devices)
        planned.append(Round(devices, tuple(task(one, workers[one.device]) for one in devices)))
    return Benchmark(source, tuple(planned), batch_tokens, report.warnings)


def _further_rounds(
    selected: Sequence[SelectedDevice], models: Sequence[Embedded]
) -> list[tuple[SelectedDevice, ...]]:
    """Return the cards that have memory for more workers, with their workers."""
    cards = [one for one in selected if one.kind == "cuda" and device_name(one.device).slot is None]
    found = []
    for number in COMPARED[1:]:
        roomy = [one for one in cards if most_workers(one, models) >= number]
        if roomy:
            found.append(share_cards(roomy, number, models)[0])
    return found
