"""The coordinator's values: units, leases, devices, metrics.

Times are seconds of the coordinator's clock since the run started; costs are FLOPs.
All of them cross process and thread boundaries, so they are immutable and picklable.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, IntEnum
from typing import Final

from msgspec import Struct

from tui_balancer.leases import Spans
from tui_balancer.samples import DeviceSample


class UnitTraits(Struct, frozen=True, gc=False, omit_defaults=True):
    """What tells a unit from a file of the first model; equal units share one, see `Unit`."""

    files: int = 1
    parts: tuple[Unit, ...] = ()
    whole: int | None = None
    shards: tuple[int, ...] = ()
    joined: tuple[int, int, float] = (0, 0, 0.0)
    model: int = 0
    priority: int = 0


PLAIN: Final = UnitTraits()
"""Those of most units, which have no memory of their own for them."""


class Unit(Struct, frozen=True, gc=False, omit_defaults=True):
    """A unit of work: one file, a bundle of tiny files, or a shard.

    A large file may be divided into shards, units with their own numbers. Its own unit waits
    until all are done, and then joins their outputs.

    Attributes:
        unit_id: Position in the run's manifest, in input order, from 0.
        name: Display name; safe to print on a terminal.
        sequences: Sequences that will be embedded.
        residues: Residues that will be embedded, after truncation.
        cost: Work of the forward passes in FLOPs, see `embedding.models.ModelShape`.
        traits: What few units have.
    """

    unit_id: int
    name: str
    sequences: int
    residues: int
    cost: float
    traits: UnitTraits = PLAIN

    @property
    def files(self) -> int:
        """Input files in the unit: 1, or the size of the bundle."""
        return self.traits.files

    @property
    def parts(self) -> tuple[Unit, ...]:
        """The files of a bundle as single units, in case it must be broken up.

        None for a single file. The first has the number of the bundle.
        """
        return self.traits.parts

    @property
    def whole(self) -> int | None:
        """Number of a shard's file."""
        return self.traits.whole

    @property
    def shards(self) -> tuple[int, ...]:
        """Numbers of a divided file's shards."""
        return self.traits.shards

    @property
    def joined(self) -> tuple[int, int, float]:
        """Sequences, residues and FLOPs of the shards of a divided file; its own are 0."""
        return self.traits.joined

    @property
    def model(self) -> int:
        """The place of its model in the run."""
        return self.traits.model

    @property
    def priority(self) -> int:
        """Units of higher ones come first in a queue."""
        return self.traits.priority

    @property
    def inputs(self) -> int:
        """Number of inputs that are done when it is."""
        return self.files if self.whole is None else 0

    @property
    def numbers(self) -> tuple[int, ...]:
        """Numbers of its files."""
        return tuple([part.unit_id for part in self.parts]) or (self.unit_id,)


def bundle_of(files: Sequence[Unit]) -> Unit:
    """Return files that wait together as one unit; a single one is its own."""
    if len(files) == 1:
        return files[0]
    return Unit(
        unit_id=files[0].unit_id,
        name=name_together(len(files), files[0]),
        sequences=sum(file.sequences for file in files),
        residues=sum(file.residues for file in files),
        cost=sum(file.cost for file in files),
        traits=UnitTraits(
            files=len(files),
            parts=tuple(files),
            model=files[0].model,
            priority=max(file.priority for file in files),
        ),
    )


def name_together(files: int, first: Unit) -> str:
    """Return the name of several files of which this is the first."""
    return f"{files:,} files: {first.name} …"


class Lease(Struct, frozen=True, gc=False):
    """A unit leased to a worker.

    Attributes:
        epoch: Attempt number of the unit, from 1; an older epoch's result is refused.
        spans: Its initial batches; None for the whole unit.
    """

    unit: Unit
    device: str
    epoch: int
    spans: Spans | None = None

    @property
    def named(self) -> tuple[int, str, str, int]:
        """Unit, name, device and epoch: the first fields of a lease's events."""
        return self.unit.unit_id, self.unit.name, self.device, self.epoch


@dataclass(frozen=True, slots=True)
class DeviceSpec:
    """A device at the start of the run.

    Attributes:
        device: Its name, see `device_names`: `cuda:0`, `cuda:0/1`, `mps`, `cpu:0`.
        name: Name of the hardware, e.g. `NVIDIA A100-SXM4-80GB`.
        weight: Relative speed, used until rates are measured; see
            `scheduler.policy.device_weights`.
        rate: FLOP/s of such a device in earlier runs: better than its weight, and used until its
            own is measured. None without such a run.
        model: The place of the model that it loads first.
        other_rates: The same as `rate` for the run's other models, by their places.
    """

    device: str
    name: str
    weight: float
    rate: float | None = None
    model: int = 0
    other_rates: Mapping[int, float] = field(default_factory=dict)

    def rate_of(self, model: int) -> float | None:
        """Return its FLOP/s with a model in earlier runs."""
        return self.other_rates.get(model) if model else self.rate


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """A model of the run.

    Attributes:
        name: Of the model.
        load_seconds: Estimated seconds to load it onto a device that has another one.
    """

    name: str = ""
    load_seconds: float = 0.0


class ReturnCause(str, Enum):
    """Why a lease returned unfinished; the value is stored in the ledger."""

    WORKER_DIED = "worker_died"
    WORKER_REPLACED = "worker_replaced"
    APP_DIED = "app_died"
    STOPPED = "stopped"
    DISK_FULL = "disk_full"
    FOLDER_LOST = "folder_lost"
    NOT_RECORDED = "not_recorded"
    DRAINED = "drained"

    @property
    def worker_lost(self) -> bool:
        """Whether the lease's worker is gone."""
        return self in (ReturnCause.WORKER_DIED, ReturnCause.WORKER_REPLACED)


RETURNED = {
    ReturnCause.WORKER_DIED: "its worker died",
    ReturnCause.WORKER_REPLACED: "its worker was replaced",
    ReturnCause.APP_DIED: "the run's process has died",
    ReturnCause.STOPPED: "the run was stopped",
    ReturnCause.DISK_FULL: "there was no space for its output",
    ReturnCause.FOLDER_LOST: "the run folder was gone",
    ReturnCause.NOT_RECORDED: "the ledger could not record the lease",
    ReturnCause.DRAINED: "its device was drained",
}
"""The text of each."""


class DeviceState(str, Enum):
    """State of a device; the value is its name on the screen.

    A device is `DRAINED` once its worker has ended and its memory is free.
    """

    STARTING = "starting"
    IDLE = "idle"
    BUSY = "busy"
    PAUSED = "paused"
    DRAINED = "drained"
    DEAD = "dead"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class RunningUnit:
    """The running unit of a device.

    Attributes:
        fraction: Share of its cost that is done, in [0, 1].
        seconds: Seconds since the lease was granted.
    """

    unit: Unit
    epoch: int
    fraction: float
    seconds: float


@dataclass(frozen=True, slots=True)
class WaitingUnit:
    """A unit near the front of a queue.

    Attributes:
        starts_seconds: Estimated seconds until its device takes it; None without a rate.
    """

    unit_id: int
    name: str
    residues: int
    starts_seconds: float | None


NEXT_UNITS: Final = 64
"""Total number of waiting units in a snapshot."""


def next_units_each(devices: int) -> int:
    """Return the number of waiting units per queue in a snapshot: 1 to 8."""
    return max(1, min(8, NEXT_UNITS // max(1, devices)))


@dataclass(frozen=True, slots=True)
class DeviceMetrics:
    """The metrics of a device. None means unknown, never zero.

    Attributes:
        device: Its name, see `device_names`: `cuda:0`, `cuda:0/1`, `mps`, `cpu:0`.
        weight: Its initial relative speed.
        utilisation: Measured share of the last seconds with a batch in flight, in [0, 1].
        sequences_per_second: Over the last 60 s or the last 10 files, whichever is more.
        flops_per_second: Measured rate over the same window.
        queued_files: Files waiting in its queue.
        queued_cost: Their FLOPs.
        stolen_to: Files it received by stealing.
        sample: The newest sample of its sensors.
        finish_seconds: Estimated seconds until it has no work left, at its measured or first rate.
        restarts: Number of restarts of its worker.
        note: Why it is dead or slow to start, or that its worker ends; empty otherwise.
        rate: FLOP/s for estimates: its current rate, else its initial one.
        residues_done: Residues embedded in this session, including the running file's.
        next_units: The front of its queue, next first; see `next_units_each`.
        model: The place of the model that it has or loads; None before its first worker.
        loading: Whether it loads that model for its running unit.
    """

    device: str
    name: str
    state: DeviceState
    weight: float
    utilisation: float | None = None
    sequences_per_second: float | None = None
    residues_per_second: float | None = None
    flops_per_second: float | None = None
    queued_files: int = 0
    queued_cost: float = 0.0
    files_done: int = 0
    stolen_to: int = 0
    stolen_from: int = 0
    running: RunningUnit | None = None
    sample: DeviceSample = field(default_factory=DeviceSample)
    finish_seconds: float | None = None
    restarts: int = 0
    note: str = ""
    rate: float | None = None
    residues_done: int = 0
    next_units: tuple[WaitingUnit, ...] = ()
    model: int | None = None
    loading: bool = False


class Ended(IntEnum):
    """How a file ended, as in `Places.ended`."""

    NOT = 0
    DONE = 1
    FAILED = 2
    SKIPPED = 3


@dataclass(frozen=True, slots=True)
class Totals:
    """Counts over the whole run; `files` is always the sum of the next five.

    Attributes:
        files: Input files.
        done: Files with their outputs.
        failed: Files that failed.
        skipped: Files that a person skipped.
        running: Files that devices work on.
        waiting: Files that wait.
        sequences: Sequences of all files.
        sequences_done: Sequences embedded.
        residues: Residues of all files.
        residues_done: Residues embedded.
        cost: FLOPs of all files.
        cost_done: FLOPs done.
    """

    files: int = 0
    done: int = 0
    failed: int = 0
    skipped: int = 0
    running: int = 0
    waiting: int = 0
    sequences: int = 0
    sequences_done: int = 0
    residues: int = 0
    residues_done: int = 0
    cost: float = 0.0
    cost_done: float = 0.0


class CountSettings(Struct, frozen=True, tag_field="kind", tag="count", forbid_unknown_fields=True):
    """The specification's rule: steal when the longest queue has at least `minimum` files and
    is longer than `ratio` times the shortest, or longer by at least `difference`.

    Attributes:
        ratio: Minimum ratio of the longest to the shortest queue.
        difference: Minimum difference in files.
        minimum: Minimum files of the longest queue.
        interval_seconds: Seconds between checks of an idle device.
    """

    ratio: float = 2.0
    difference: int = 3
    minimum: int = 3
    interval_seconds: float = 3.0


class TimeSettings(Struct, frozen=True, tag_field="kind", tag="time", forbid_unknown_fields=True):
    """Steal the file that ends the run soonest, if that gains at least `gain_seconds`.

    A steal itself takes well under a millisecond; the minimum gain keeps unimportant steals out
    of the log.

    Attributes:
        gain_seconds: Minimum gain of a steal in seconds.
    """

    gain_seconds: float = 0.1


PolicySettings = CountSettings | TimeSettings
