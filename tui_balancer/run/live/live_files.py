"""The files of a live run: those of the start, and those that are added."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from itertools import accumulate

from tui_balancer.failures import Failure
from tui_balancer.ledger.records import FileRecord, FileState
from tui_balancer.run.live.worker_service import WorkerService
from tui_balancer.run.prepare.adding import added_text
from tui_balancer.run.prepare.run_files import RunFiles
from tui_balancer.run_folder.manifest import Manifest
from tui_balancer.run_folder.output_counts import OutputCounts
from tui_balancer.run_folder.shards import shown
from tui_balancer.scheduler.coordinator import WorkStealingCoordinator
from tui_balancer.scheduler.model import Unit
from tui_balancer.view.handle import EarlierWork
from tui_balancer.view.run_state import RunState

SLICE = 1000
"""Files that are given to the coordinator at a time, about: it answers nobody else meanwhile."""

_TURN_SECONDS = 0.001
"""The pause between two slices: without one the same thread would take the lock again."""


class LiveFiles:
    """Gives files to workers, screens and statistics, and then to the coordinator.

    Args:
        coordinator: Of the run.
        worker_service: Turns leases into tasks.
        run_state: The fold of the run's events.
        overwrite: Whether files that this run did not write are replaced by its outputs.

    Attributes:
        manifest: All files; None before those of the start are known.
        earlier: What was finished before this session.
        shown: What screens list: the files without shards.
    """

    def __init__(
        self,
        coordinator: WorkStealingCoordinator,
        worker_service: WorkerService,
        run_state: RunState,
        *,
        overwrite: bool,
    ) -> None:
        self._coordinator = coordinator
        self._worker_service = worker_service
        self._run_state = run_state
        self._overwrite = overwrite
        self._files: list[Unit] = []
        self.manifest: Manifest | None = None
        self.earlier = EarlierWork()
        self.shown: list[Unit] = []

    def assign(self, run_files: RunFiles) -> None:
        """Assign the units of the start; nothing else of `run_files` is kept."""
        manifest = run_files.manifest
        self._files += map(manifest.file_unit, range(len(manifest.files)))
        self._coordinator.warn(*run_files.warnings)
        # The fold keeps the list, which grows with added files.
        self._run_state.expect(self._files)
        self._worker_service.manifest = manifest
        publisher = self._worker_service.publisher
        publisher.output_counts = OutputCounts.of(run_files.in_state(FileState.DONE))
        publisher.owned = run_files.owned
        publisher.overwrite = self._overwrite
        self.manifest, self.earlier = manifest, run_files.earlier
        self.shown = list(shown(self._files))
        run_files.assign_to(self._coordinator, self._files)

    def add(self, new: Sequence[FileRecord], known: int) -> None:
        """Assign units that come later, after `assign`, in slices: others get their turn.

        Args:
            new: The files with their shards; the ledger has them.
            known: Number of inputs of the same command that the run had before, for the log.
        """
        manifest = self.manifest
        assert manifest is not None, "files are added to those of the start"
        manifest.extend(new)
        manifest.find_plans()
        for number, files in enumerate(slices(new, SLICE)):
            if number:
                time.sleep(_TURN_SECONDS)
            self._add_slice(files, added_text(files, 0 if number else known))

    def _add_slice(self, new: Sequence[FileRecord], text: str) -> None:
        manifest = self.manifest
        assert manifest is not None, "files are added to those of the start"
        files = [manifest.file_unit(file.file_id) for file in new]
        self._files += files
        self.shown += shown(files)
        good = [unit for unit, file in zip(files, new, strict=True) if not file.error]
        failed = [
            (unit, Failure(file.error, file.cause))
            for unit, file in zip(files, new, strict=True)
            if file.error
        ]
        self._coordinator.add(manifest.units(good), failed, text)

    def break_up(self, unit_id: int) -> None:
        """Note that the files of a bundle are units of their own from now on."""
        if self.manifest is not None:
            self.manifest.break_up(unit_id)


def slices(files: Sequence[FileRecord], most: int) -> Iterator[Sequence[FileRecord]]:
    """Yield files in slices that cut neither a unit nor a divided file.

    Args:
        files: In the order of their numbers.
        most: Files of a slice; more where units lie across its end.
    """
    # The first file that each file and those after it belong together with.
    firsts = [file.whole if file.is_shard else file.unit for file in files]
    lowest = [*accumulate(reversed(firsts), min)][::-1]
    begin = 0
    for end in range(1, len(files)):
        if end - begin >= most and lowest[end] >= files[end].file_id:
            yield files[begin:end]
            begin = end
    yield files[begin:]
