"""The setup of a worker."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tui_balancer.embedding.models import ModelSource
from tui_balancer.embedding.settings import EmbeddingSettings
from tui_balancer.inputs.records import ReadingRules
from tui_balancer.workers.wire.protocol import WorkerId
from tui_balancer.workers.wire.queues import SharedWorkQueues


@dataclass(frozen=True, slots=True)
class WorkerSetup:
    """The setup of a spawned worker.

    Attributes:
        worker: Its identity.
        threads: CPU threads to compute with.
        model: The model to load.
        settings: Settings that determine the outputs' bytes.
        reading: How FASTA is read.
        log: File for the worker's stdout and stderr, set before torch is imported.
        queues: Source of its tasks; None if they are sent to it.
        visible: Value of `CUDA_VISIBLE_DEVICES` before torch is loaded; empty leaves it.
        scratch: A folder shared by the run's processes that ends with the app; None without
            one.
        folder: The run folder, with the blocks that units share; None if there are none.
        place: The device's name in the worker's process, if it differs from its id in the run: on a
            node of a cluster.
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

    @property
    def local_device(self) -> str:
        """The device's name in the worker's process, where a slice of a card is the only device."""
        return self.place or ("cuda:0" if self.visible else self.worker.device)
