"""What a worker is given when it is started."""

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
    """All that a spawned worker is given.

    Attributes:
        worker: Who it is.
        threads: CPU threads to compute with.
        model: What to load.
        settings: What decides the output's bytes.
        reading: How FASTA is read.
        log: File that takes the worker's stdout and stderr, before torch is imported.
        queues: Where its tasks come from; None where they are brought to it.
        visible: What `CUDA_VISIBLE_DEVICES` is to say before torch is loaded; empty leaves it.
        scratch: A folder of the run's processes that ends with the app; None where each is on its
            own.
        folder: The run folder, in which units leave each other what they have in common; None
            where there is nothing of the kind.
        place: What the device is called in the worker's process, where that is another name than
            the run's: on a node of a cluster.
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
        """What the device is called in the worker's process: a slice of a card is alone there."""
        return self.place or ("cuda:0" if self.visible else self.worker.device)
