"""What a person decided about a run, as one frozen value."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from tui_balancer.devices.selection import AUTO
from tui_balancer.embedding.settings import EmbeddingSettings, Precision, PrecisionChoice
from tui_balancer.engines.dask.request import ClusterRequest
from tui_balancer.inputs.records import ReadingRules
from tui_balancer.outputs.formats import DEFAULT_FORMATS, FormatName
from tui_balancer.representations import Kind
from tui_balancer.scheduler.model import PolicySettings, TimeSettings

HANG_FLOOR_SECONDS = 300.0
"""How long a worker may be silent in any case, unless a person says otherwise."""


AUTO_SHARD_BYTES = 256 << 20
"""Some minutes of work for a fast card: a file of gigabytes has enough for all devices to begin
with, and what is left at the end is divided by batches."""


@dataclass(frozen=True, slots=True)
class Shards:
    """Whether large files are divided into shards; no output hangs on it.

    Attributes:
        size: Bytes of a shard, about; None divides no file.
        explicit: Whether a person has named the size.
    """

    size: int | None = AUTO_SHARD_BYTES
    explicit: bool = False


@dataclass(frozen=True, slots=True)
class RunSettings:
    """A run as it was asked for on the command line.

    Attributes:
        inputs: Files, folders and globs.
        output: The run folder.
        model: A name, a checkpoint's path, or `untrained:NAME`.
        devices: `auto`, or a list such as `cuda:0,cuda:2`, `cuda`, `mps`, `cpu`.
        cpu_workers: Workers on the CPU; None shares out the cores.
        cpu_threads: Threads of each; None shares out the cores.
        weights: `--weights` as written; None takes the table's.
        hang_floor: Seconds without progress that are never held against a worker.
        policy: The stealing rule.
        stealing: False leaves the assignment alone.
        splitting: Whether idle devices take over batches of running files.
        repr_layers: Layers whose representations are kept; negative counts from the last.
        batch_tokens: Padded tokens in a batch; None takes what suits the run's devices.
        precision: Number format of the products; `auto` takes what suits the run's devices.
        reference: Compute with fair-esm's own forward pass.
        reading: How FASTA is read.
        seed: Of untrained weights.
        formats: Of the outputs, at least one.
        cluster: Where to compute; None for this machine.
        include: What is kept of those layers, at least one kind.
        dereplicate: Compute sequences that occur several times once.
        merge: Whether one file for the whole run is made of the outputs at the end.
        shards: Whether large files are divided.
        overwrite: Whether files that this run did not write are replaced by its outputs.
    """

    inputs: tuple[str, ...]
    output: Path
    model: str
    devices: str = AUTO
    cpu_workers: int | None = None
    cpu_threads: int | None = None
    weights: str | None = None
    hang_floor: float = HANG_FLOOR_SECONDS
    policy: PolicySettings = field(default_factory=TimeSettings)
    stealing: bool = True
    splitting: bool = True
    repr_layers: tuple[int, ...] = (-1,)
    batch_tokens: int | None = None
    precision: PrecisionChoice = "auto"
    reference: bool = False
    reading: ReadingRules = field(default_factory=ReadingRules)
    seed: int = 0
    formats: tuple[FormatName, ...] = DEFAULT_FORMATS
    cluster: ClusterRequest | None = None
    include: tuple[Kind, ...] = ("mean",)
    dereplicate: bool = True
    merge: bool = False
    shards: Shards = Shards()
    overwrite: bool = False

    def embedding(self, batch_tokens: int, precision: Precision) -> EmbeddingSettings:
        """Return the settings of the forward pass.

        Args:
            batch_tokens: As decided, by a person or for the devices.
            precision: Likewise.
        """
        return EmbeddingSettings(
            repr_layers=self.repr_layers,
            max_length=self.reading.max_length,
            batch_tokens=batch_tokens,
            precision=precision,
            reference=self.reference,
            include=self.include,
            long=self.reading.long,
            dereplicate=self.dereplicate,
        )
