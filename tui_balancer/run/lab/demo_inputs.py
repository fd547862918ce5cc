"""The inputs of a demo: made-up proteins that the devices embed in a given time."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from tui_balancer.embedding.families.limits import default_max_length
from tui_balancer.inputs.synthetic import sample_lengths, write_synthetic
from tui_balancer.run.lab.bench import prepare_benchmark
from tui_balancer.settings import RunSettings
from tui_balancer.view.handle import Step
from tui_balancer.workers.benchmark.messages import BUCKETS, LengthBucket, Measurement

MEASURING_SECONDS = 1.0
"""Seconds of the measurement; a slow device takes longer for its three batches."""

FILES = 40

SEQUENCES = tuple(count << doubled for doubled in range(12) for count in (100, 140))
"""Possible sizes of a demo: each size has the same files on every machine. The largest is 95 MB of
FASTA; a machine that embeds it in less time has a shorter demo."""

_SAMPLE = 2000
"""Lengths that represent those of all sequences."""


@dataclass(frozen=True, slots=True)
class DemoSize:
    """Size of a demo.

    Attributes:
        sequences: Sequences in all files.
        seconds: Estimated time on the devices.
    """

    sequences: int
    seconds: float


def measured_size(
    settings: RunSettings, seconds: float, on_step: Callable[[Step], None]
) -> DemoSize:
    """Measure the devices and return the size that takes them about this long.

    Args:
        settings: Settings with devices and model.
        seconds: Target duration of the demo.
        on_step: Called with the current step.

    Raises:
        UserError: A device does not work.
    """
    on_step(Step("measuring the devices"))
    benchmark = prepare_benchmark(settings, MEASURING_SECONDS, as_in_a_run=True)
    longest = default_max_length(benchmark.model.shape)
    return suitable_size(benchmark.measure(lambda _: None), longest, seconds)


def suitable_size(measured: Iterable[Measurement], longest: int, seconds: float) -> DemoSize:
    """Return the size that takes the devices about this long.

    Args:
        measured: The rate of each device for each bucket of lengths.
        longest: Maximum residues that are embedded of a sequence.
        seconds: Target duration of the demo.
    """
    rates: Counter[LengthBucket] = Counter()
    for one in measured:
        rates[one.bucket] += one.residues_per_second  # type: ignore[assignment]
    each = _seconds_each(rates, longest)
    wanted = seconds / each
    sequences = min(SEQUENCES, key=lambda size: abs(math.log(size / wanted)))
    return DemoSize(sequences, sequences * each)


def _seconds_each(rates: Mapping[LengthBucket, float], longest: int) -> float:
    """Return the average time per sequence for all devices together."""
    lengths = [min(length, longest) for length in sample_lengths(_SAMPLE)]
    return sum(length / rates[_bucket(length)] for length in lengths) / len(lengths)


def _bucket(length: int) -> LengthBucket:
    return next((one for one in BUCKETS if length <= one.longest), BUCKETS[-1])


def write_inputs(folder: Path, size: DemoSize, seed: int, on_step: Callable[[Step], None]) -> None:
    """Write a demo's inputs; the folder appears only once all are written.

    Args:
        folder: A new or empty folder.
        seed: The same seed and size give the same bytes.
        on_step: Called with the number of files written.
    """
    unfinished = folder.with_name(f"{folder.name}.tmp")
    write_synthetic(
        unfinished,
        files=FILES,
        sequences=size.sequences,
        seed=seed,
        on_file=lambda done: on_step(Step("writing made-up proteins", done, FILES, "files")),
    )
    unfinished.rename(folder)
