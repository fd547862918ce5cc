"""What the coordinator knows, as frozen values: units, leases, devices, metrics.

Times are seconds of the coordinator's own clock since the run began; costs are FLOPs.
Everything here crosses process and thread boundaries, so it is immutable and pickles.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, IntEnum
from typing import Final

from msgspec import Struct

from tui_balancer.leases import Spans
from tui_balancer.samples import DeviceSample


@dataclass(frozen=True, slots=True)
class Unit:
    """What is assigned, stolen and leased: one file, a bundle of tiny files, or a shard.

    A large file may be divided into shards, units with their own numbers. Its own unit waits
    until all of them are done; what is left of it then is to make its outputs of theirs.

    Attributes:
        unit_id: Position in the run's catalogue, in input order, from 0.
        name: What a person sees; safe to print on a terminal.
        sequences: Sequences that will be embedded.
        residues: Residues that will be embedded, after truncation.
        cost: Work of the forward passes in FLOPs, see `embedding.models.ModelShape`.
        files: Input files in the unit: 1, or the size of the bundle.
        parts: The files of a bundle as single units, for the case that it has to be broken
            up; none for a single file. The first one has the number of the bundle.
        whole: Of a shard, the number of its file.
        shards: Of a file that is divided, the numbers of its shards.
        joined: Sequences, residues and FLOPs of those; its own are none.
    """

    unit_id: int
    name: str
    sequences: int
    residues: int
    cost: float
    files: int = 1
    parts: tuple[Unit, ...] = ()
    whole: int | None = None
    shards: tuple[int, ...] = ()
    joined: tuple[int, int, float] = (0, 0, 0.0)

    @property
    def inputs(self) -> int:
        """Inputs that are through when it is."""
        return self.files if self.whole is None else 0

    @property
    def numbers(self) -> tuple[int, ...]:
        """The numbers of its files."""
        return tuple(part.unit_id for part in self.parts) or (self.unit_id,)


@dataclass(frozen=True, slots=True)
class Lease:
    """One unit handed to one worker.

    Attributes:
        epoch: Attempt number of the unit, from 1; an older epoch's result is refused.
        spans: The batches that it begins with; None for the whole unit.
    """

    unit: Unit
    device: str
    epoch: int
    spans: Spans | None = None

    @property
    def named(self) -> tuple[int, str, str, int]:
        """Unit, name, device and epoch, as the events of a lease begin."""
        return self.unit.unit_id, self.unit.name, self.device, self.epoch


@dataclass(frozen=True, slots=True)
class DeviceSpec:
    """A device as it enters the run.

    Attributes:
        device: `cuda:0`, `mps`, `cpu:0`.
        name: What the hardware calls itself, e.g. `NVIDIA A100-SXM4-80GB`.
        weight: Relative speed, used until rates are measured; see
            `scheduler.policy.device_weights`.
        rate: FLOP/s that such a device did in earlier runs: better than its weight, and
            used until its own is measured. None where there was no such run.
    """

    device: str
    name: str
    weight: float
    rate: float | None = None


class ReturnCause(str, Enum):
    """Why a lease comes back unfinished; the ledger has the word."""

    WORKER_DIED = "worker_died"
    WORKER_REPLACED = "worker_replaced"
    APP_DIED = "app_died"
    STOPPED = "stopped"
    DISK_FULL = "disk_full"
    FOLDER_LOST = "folder_lost"
    NOT_RECORDED = "not_recorded"

    @property
    def worker_lost(self) -> bool:
        """Whether the worker that had the lease is gone."""
        return self in (ReturnCause.WORKER_DIED, ReturnCause.WORKER_REPLACED)


RETURNED = {
    ReturnCause.WORKER_DIED: "its worker died",
    ReturnCause.WORKER_REPLACED: "its worker was replaced",
    ReturnCause.APP_DIED: "the run's process has died",
    ReturnCause.STOPPED: "the run was stopped",
    ReturnCause.DISK_FULL: "there was no space for its output",
    ReturnCause.FOLDER_LOST: "the run folder was not there any more",
    ReturnCause.NOT_RECORDED: "the ledger could not take the lease",
}
"""What each says, in words."""


class DeviceState(str, Enum):
    """What a device is doing; the word is what the screen shows."""

    STARTING = "starting"
    IDLE = "idle"
    BUSY = "busy"
    PAUSED = "paused"
    DEAD = "dead"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class RunningUnit:
    """The unit a device is working on.

    Attributes:
        fraction: Share of its cost that is done, in [0, 1].
        seconds: Time since the lease was granted.
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
"""Units of all queues together that a picture of the run names."""


def next_units_each(devices: int) -> int:
    """Return how many units a picture names of each of so many queues: 8 at most, 1 at least."""
    return max(1, min(8, NEXT_UNITS // max(1, devices)))


@dataclass(frozen=True, slots=True)
class DeviceMetrics:
    """One row of the device table. None means not known (yet), never zero.

    Attributes:
        device: `cuda:0`, `mps`, `cpu:0`.
        weight: Its prior relative speed.
        utilisation: Measured share of the last seconds with a batch in flight, in [0, 1].
        sequences_per_second: Over the last 60 s or the last 10 files, whichever is more.
        flops_per_second: Observed rate over the same window.
        queued_files: Files waiting in its queue.
        queued_cost: Their FLOPs.
        stolen_to: Files it received by stealing.
        running: What it works on now.
        sample: The newest reading of its sensors.
        finish_seconds: Estimated seconds until it runs dry at its observed (else prior) rate.
        restarts: How often its worker was started again.
        note: Why it is dead or slow to start; empty otherwise.
        rate: FLOP/s that estimates reckon with: its own at this moment, else its prior.
        residues_done: Residues it has embedded in this session, the running file's included.
        next_units: The front of its queue, next first; see `next_units_each`.
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


class Ended(IntEnum):
    """How a file ended, as `Places.ended` has it."""

    NOT = 0
    DONE = 1
    FAILED = 2
    SKIPPED = 3


@dataclass(frozen=True, slots=True)
class Totals:
    """Counts over the whole run; `files` is the sum of the next five, always."""

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
        ratio: Longest over shortest above which work moves.
        difference: Files by which the longest must lead.
        minimum: Files the longest must hold at all.
        interval_seconds: How often an idle device looks again.
    """

    ratio: float = 2.0
    difference: int = 3
    minimum: int = 3
    interval_seconds: float = 3.0


class TimeSettings(Struct, frozen=True, tag_field="kind", tag="time", forbid_unknown_fields=True):
    """Steal the file that ends the run soonest, when that gains at least `gain_seconds`.

    A steal itself takes well under a millisecond; the least gain is there so that the log
    shows what mattered.
    """

    gain_seconds: float = 0.1


PolicySettings = CountSettings | TimeSettings
