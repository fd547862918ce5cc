"""Detects hanging workers by their silence, and kills them.

A killed worker is treated like any dead one: its file returns, is charged, and is retried.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from tui_balancer.embedding.models import ModelShape
from tui_balancer.embedding.settings import EmbeddingSettings
from tui_balancer.formatting import duration
from tui_balancer.run.prepare.prepare import PreparedRun
from tui_balancer.run.prepare.speeds import assumed_flops
from tui_balancer.scheduler.model import DeviceMetrics, DeviceState, Unit

PATIENCE = 10.0
"""Multiple of the largest batch's expected time: throttled card, busy host, batch in halves."""

SLOWEST_DISK = 5e6
"""Bytes per second for reading inputs and writing outputs in the worst case."""

LOADING_SECONDS = 3600.0
"""Seconds a worker may take to be ready: 60 GB of weights from a busy file server."""

_FLOAT_BYTES = 4
_OUTPUT_PASSES = 2
"""Passes over an output: written, then read back for its checksum."""

_LONGEST_GAP_SECONDS = 5.0
"""Maximum seconds between two checks; a longer gap was a pause of this process and its workers."""


@dataclass(frozen=True, slots=True)
class Deadlines:
    """Limits for a worker's silence.

    Attributes:
        floor: Minimum limit in seconds.
        models: Of the run, each with its settings.
        assumed_flops: FLOP/s of the devices before they are measured.
    """

    floor: float
    models: Sequence[tuple[ModelShape, EmbeddingSettings]]
    assumed_flops: Mapping[str, float]

    def of(self, row: DeviceMetrics) -> float | None:
        """Return the seconds after which a silent device counts as hanging; None for no limit."""
        if row.state is DeviceState.STARTING or row.loading:
            return max(self.floor, LOADING_SECONDS)
        if row.state is DeviceState.BUSY and row.running is not None:
            rate = row.flops_per_second or self._assumed(row)
            return max(self.floor, self._unit_seconds(row.running.unit, rate))
        return self.floor if row.state is DeviceState.IDLE else None

    def _assumed(self, row: DeviceMetrics) -> float:
        """Return the assumed rate of a device, also of one that joined late."""
        assumed = self.assumed_flops.get(row.device)
        return assumed if assumed is not None else assumed_flops(row.device, row.weight, 1)

    def _unit_seconds(self, unit: Unit, rate: float) -> float:
        """Return the longest expected silence within a unit: its largest batch and its files."""
        shape, settings = self.models[unit.model]
        # Tokens of several letters can all turn out to be of one, and attention costs their square.
        most = unit.cost * shape.alphabet.token_letters**2
        batch = min(most, largest_batch_cost(shape, settings))
        sequences, residues = unit.sequences + unit.joined[0], unit.residues + unit.joined[1]
        output = _FLOAT_BYTES * shape.width * sequences
        files = residues + _OUTPUT_PASSES * output
        return PATIENCE * batch / rate + files / SLOWEST_DISK


def largest_batch_cost(shape: ModelShape, settings: EmbeddingSettings) -> float:
    """Return the FLOPs of a batch full of the longest sequences, a token for each letter."""
    alphabet = shape.alphabet
    longest = settings.max_length + alphabet.before + alphabet.after
    tokens = max(settings.batch_tokens * alphabet.token_letters, longest)
    return shape.flops(tokens, tokens * longest)


def deadlines(prepared: PreparedRun) -> Deadlines:
    """Return the limits for a run."""
    weights = {spec.device: spec.weight for spec in prepared.specs}
    return Deadlines(
        prepared.settings.devices.hang_floor,
        [(one.source.shape, one.embedding) for one in prepared.models],
        {
            one.device: assumed_flops(one.device, weights[one.device], one.threads)
            for one in prepared.devices
        },
    )


@dataclass(slots=True)
class _Silence:
    """The last observed state of a device, its start, and its limit."""

    sign: object
    since: float
    deadline: float | None


class Watchdog:
    """Checks all devices periodically and kills the silent ones.

    Signs of life are another batch, unit, state or process, or an idle worker that asks for
    work. A paused device has no limit. Time counts only while this process runs: after Ctrl+Z or
    a closed lid no worker is killed.
    """

    def __init__(
        self,
        deadlines: Deadlines,
        kill: Callable[[str, int, str], None],
        clock: Callable[[], float],
    ) -> None:
        """Take the deadlines, `Engine.kill`, and a clock in seconds."""
        self._deadlines = deadlines
        self._kill = kill
        self._clock = clock
        self._checked_at = clock()
        self._watched = 0.0
        self._silences: dict[str, _Silence] = {}

    def check(
        self, pids: Mapping[str, int], rows: Sequence[DeviceMetrics], asked: Mapping[str, int]
    ) -> None:
        """Check once; about every second is enough.

        Args:
            pids: The processes of the devices that have one.
            rows: The devices' metrics, read after `pids`.
            asked: Number of requests for work by each device's workers.
        """
        now = self._clock()
        self._watched += min(now - self._checked_at, _LONGEST_GAP_SECONDS)
        self._checked_at = now
        for row in rows:
            self._check_device(row, pids.get(row.device), asked.get(row.device, 0))

    def _check_device(self, row: DeviceMetrics, pid: int | None, asked: int) -> None:
        running = row.running
        step = (running.unit.unit_id, running.epoch, running.fraction) if running else asked
        sign = (row.state, row.loading, pid, step)
        silence = self._silences.get(row.device)
        if silence is None or silence.sign != sign:
            # The rate is read now: a hanging device appears slower with every second.
            silence = _Silence(sign, self._watched, self._deadlines.of(row))
            self._silences[row.device] = silence
        silent = self._watched - silence.since
        if silence.deadline is not None and silent > silence.deadline and pid is not None:
            silence.since = self._watched
            self._kill(row.device, pid, _words(row.state, silent))


def _words(state: DeviceState, seconds: float) -> str:
    if state is DeviceState.STARTING:
        return f"not ready after {duration(seconds)}"
    if state is DeviceState.IDLE:
        return f"did not ask for work for {duration(seconds)}"
    return f"no progress for {duration(seconds)}"
