"""The settings of a run, as nested frozen values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from tui_balancer.devices.selection import AUTO, WorkersPerGpu
from tui_balancer.embedding.settings import EmbeddingSettings, Precision, PrecisionChoice, ReadAs
from tui_balancer.engines.request import EngineRequest
from tui_balancer.inputs.records import ReadingRules
from tui_balancer.outputs.formats import DEFAULT_FORMATS, FORMATS, FormatName
from tui_balancer.outputs.layout import STEM_SUFFIX
from tui_balancer.scheduler.model import PolicySettings, TimeSettings

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    Settings = TypeVar("Settings", bound=DataclassInstance)

SETTLE_SECONDS = 5.0
"""How long a file must not have changed to be complete, unless a person says otherwise."""

HANG_FLOOR_SECONDS = 300.0
"""How long a worker may be silent in any case, unless a person says otherwise."""


MODELS_JOINED = " + "
"""Between the names of several models."""

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
class EmbeddingChoice:
    """What to compute, as asked for; the devices settle what is left open.

    Attributes:
        repr_layers: Layers whose representations are kept; negative counts from the last.
        include: What is kept of those layers, at least one kind.
        batch_tokens: Padded tokens in a batch; None takes what suits the run's devices.
        precision: Number format of the products; `auto` takes what suits the run's devices.
        reference: Compute with fair-esm's own forward pass.
        dereplicate: Compute sequences that occur several times once.
    """

    repr_layers: tuple[int, ...] = (-1,)
    include: tuple[str, ...] = ("mean",)
    batch_tokens: int | None = None
    precision: PrecisionChoice = "auto"
    reference: bool = False
    dereplicate: bool = True


@dataclass(frozen=True, slots=True)
class DeviceSettings:
    """Where to compute on a machine, each named as its option.

    Attributes:
        devices: `auto`, or a list such as `cuda:0,cuda:2`, `cuda`, `mps`, `cpu`.
        workers_per_gpu: Workers of each card; no output hangs on it.
        cpu_workers: Workers on the CPU; None shares out the cores.
        cpu_threads: Threads of each; None shares out the cores.
        weights: `--weights` as written; None takes the table's.
        hang_floor: Seconds without progress that are never held against a worker.
        release_idle: Seconds without work after which a device is drained; None for never.
    """

    devices: str = AUTO
    workers_per_gpu: WorkersPerGpu = 1
    cpu_workers: int | None = None
    cpu_threads: int | None = None
    weights: str | None = None
    hang_floor: float = HANG_FLOOR_SECONDS
    release_idle: float | None = None


@dataclass(frozen=True, slots=True)
class Priority:
    """The priority of some files: higher ones come first in each queue.

    Attributes:
        pattern: A glob; without a slash it is compared with the last part of a file's path.
        number: The priority; files without any have 0.
    """

    pattern: str
    number: int


@dataclass(frozen=True, slots=True)
class BalancingSettings:
    """How work is assigned and moved.

    Attributes:
        policy: The stealing rule.
        stealing: False leaves the assignment alone.
        splitting: Whether idle devices take over batches of running files.
        priorities: Which files come first; the last one that matches a file counts.
    """

    policy: PolicySettings = field(default_factory=TimeSettings)
    stealing: bool = True
    splitting: bool = True
    priorities: tuple[Priority, ...] = ()


@dataclass(frozen=True, slots=True)
class OutputSettings:
    """What is written.

    Attributes:
        formats: Of the outputs, at least one.
        merge: Whether one file for the whole run is made of the outputs at the end.
    """

    formats: tuple[FormatName, ...] = DEFAULT_FORMATS
    merge: bool = False

    def __post_init__(self) -> None:
        """Refuse formats that a newer version may know.

        Raises:
            ValueError: There is no such format.
        """
        for name in self.formats:
            if name not in FORMATS:
                raise ValueError(f"unknown format {name!r}")


@dataclass(frozen=True, slots=True)
class StoreSettings:
    """Which vectors of earlier runs are used.

    Attributes:
        folder: Of the store, absolute; None for a run without one.
        until: Number of the newest vector that the run reads; None before it begins.
    """

    folder: str | None = None
    until: int | None = None


@dataclass(frozen=True, slots=True)
class WatchSettings:
    """Whether the inputs, which are folders then, are watched, and how.

    Attributes:
        watch: Whether what arrives in them is added to the run.
        settle: Seconds without a change after which a file is complete.
        idle_exit: Seconds without anything to do after which the run ends; None for never.
    """

    watch: bool = False
    settle: float = SETTLE_SECONDS
    idle_exit: float | None = None


@dataclass(frozen=True, slots=True)
class FurtherModel:
    """One more model of a run; see `RunSettings` for its attributes."""

    model: str
    inputs: tuple[str, ...]
    embedding: EmbeddingChoice
    reading: ReadingRules


@dataclass(frozen=True, slots=True)
class RunSettings:
    """The requested run, from the command line.

    A run with several models has `further` ones. What they share stands here once; `by_model` gives
    the settings of each as those of a run with it alone.

    Attributes:
        inputs: Files, folders and globs; those of the first model.
        output: The run folder.
        model: A name, a checkpoint's path, or `untrained:NAME`; the first one.
        seed: Of untrained weights.
        read_as: What the sequences are, if not what the model usually reads: `3di` for structures.
        embedding: What to compute.
        reading: How FASTA is read.
        outputs: What is written.
        devices: Where to compute on a machine.
        balancing: How work is assigned and moved.
        shards: Whether large files are divided.
        cluster: Where to compute; None for this machine.
        store: Vectors of earlier runs.
        watching: Whether the inputs are watched.
        overwrite: Whether files that this run did not write are replaced by its outputs.
        further: The other models.
        marks: Of all models in the names of outputs, as settled; none for one with the usual mark.
    """

    inputs: tuple[str, ...]
    output: Path
    model: str
    seed: int = 0
    read_as: ReadAs | None = None
    embedding: EmbeddingChoice = EmbeddingChoice()
    reading: ReadingRules = field(default_factory=ReadingRules)
    outputs: OutputSettings = OutputSettings()
    devices: DeviceSettings = DeviceSettings()
    balancing: BalancingSettings = BalancingSettings()
    shards: Shards = Shards()
    cluster: EngineRequest | None = None
    store: StoreSettings = StoreSettings()
    overwrite: bool = False
    watching: WatchSettings = WatchSettings()
    further: tuple[FurtherModel, ...] = ()
    marks: tuple[str, ...] = ()

    @property
    def by_model(self) -> tuple[RunSettings, ...]:
        """The settings of each model alone, the first one's first."""
        alone = replace(self, further=(), marks=())
        return (
            alone,
            *(
                replace(
                    alone,
                    model=one.model,
                    inputs=one.inputs,
                    embedding=one.embedding,
                    reading=one.reading,
                )
                for one in self.further
            ),
        )

    @property
    def all_inputs(self) -> tuple[str, ...]:
        """The files, folders and globs of all models, each once."""
        return tuple(dict.fromkeys(chain.from_iterable(one.inputs for one in self.by_model)))

    @property
    def output_marks(self) -> tuple[str, ...]:
        """The mark of each model in the names of outputs."""
        return self.marks or (STEM_SUFFIX,)

    @classmethod
    def of_models(cls, models: Sequence[RunSettings], marks: tuple[str, ...] = ()) -> RunSettings:
        """Return the settings of one run with several models from those of each alone."""
        first, *others = models
        further = tuple(
            FurtherModel(one.model, one.inputs, one.embedding, one.reading) for one in others
        )
        return replace(first, further=further, marks=marks)

    def embedding_settings(self, batch_tokens: int, precision: Precision) -> EmbeddingSettings:
        """Return the settings of the forward pass.

        Args:
            batch_tokens: As decided, by a person or for the devices.
            precision: Likewise.
        """
        return overlaid(
            EmbeddingSettings(),
            self.embedding,
            self.reading,
            batch_tokens=batch_tokens,
            precision=precision,
        )


def overlaid(settings: Settings, *sources: DataclassInstance, **values: Any) -> Settings:
    """Return settings in which the fields of other values replace those of the same name.

    Args:
        settings: What stands where nothing replaces it.
        sources: Dataclasses; None and the empty text in them replace nothing, and fields that the
            settings do not have are passed over.
        values: Fields by their names; they replace those of the sources too.
    """
    names = {one.name for one in fields(settings)}
    given = {
        one.name: value
        for source in sources
        for one in fields(source)
        if one.name in names and (value := getattr(source, one.name)) not in (None, "")
    }
    return replace(settings, **given | values)
