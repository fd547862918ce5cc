"""The setup of a worker."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from tui_balancer.devices.info import local_device
from tui_balancer.embedding.models import ModelSource
from tui_balancer.embedding.settings import EmbeddingSettings
from tui_balancer.inputs.records import ReadingRules
from tui_balancer.workers.wire.protocol import WorkerId
from tui_balancer.workers.wire.queues import SharedWorkQueues


@dataclass(frozen=True, slots=True)
class StoreUse:
    """How a run uses a store of vectors.

    Attributes:
        folder: The store's folder, absolute.
        until: Number of the newest vector that the run reads.
        arithmetic: Of the worker's device: what computes in the same way has the same.
        arithmetics: Of the run's devices, in their order; vectors of each are used.
    """

    folder: Path
    until: int
    arithmetic: str
    arithmetics: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class WorkerModel:
    """One of the models of a run; see `WorkerSetup` for its attributes."""

    model: ModelSource
    settings: EmbeddingSettings
    reading: ReadingRules
    mark: str


@dataclass(frozen=True, slots=True)
class WorkerSetup:
    """The setup of a spawned worker.

    Attributes:
        worker: Its identity.
        threads: CPU threads to compute with.
        model: The model to load.
        settings: Settings that determine the outputs' bytes.
        reading: How FASTA is read.
        log: File for the worker's stdout and stderr.
        queues: Source of its tasks; None if they are sent to it.
        visible: Value of `CUDA_VISIBLE_DEVICES` before torch is loaded; empty leaves it.
        scratch: A folder shared by the run's processes that ends with the app; None without
            one.
        folder: The run folder, with the blocks that units share; None if there are none.
        place: The device's name in the worker's process, if it differs from its id in the run: on a
            node of a cluster.
        mark: The model's mark in the names of outputs, in a run with several; see
            `layout.distinct_marks`.
        number: The model's place in the run.
        models: All models of the run.
        store: The vectors of earlier runs; None for a run that uses none.
        memory_share: How much of its card's memory it may use, in (0, 1].
    """

    worker: WorkerId
    threads: int
    model: ModelSource
    settings: EmbeddingSettings
    reading: ReadingRules
    log: Path
    queues: SharedWorkQueues | None
    scratch: Path | None = None
    visible: str = ""
    place: str = ""
    folder: Path | None = None
    mark: str = ""
    number: int = 0
    models: tuple[WorkerModel, ...] = ()
    store: StoreUse | None = None
    memory_share: float = 1.0

    def with_model(self, number: int) -> WorkerSetup:
        """Return the same setup with another model of the run to load."""
        if number == self.number:
            return self
        one = self.models[number]
        return replace(
            self,
            number=number,
            model=one.model,
            settings=one.settings,
            reading=one.reading,
            mark=one.mark,
        )

    @property
    def local_device(self) -> str:
        """The device's name in the worker's process."""
        return self.place or local_device(self.worker.device, self.visible)
