"""Sequences shared by several units, computed once; see `outputs.dereplication`."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path

from tui_balancer.outputs.dereplication import SharedPlan, added_plan, plan_folder
from tui_balancer.outputs.partials import KeptBatch, PartialResult
from tui_balancer.workers.wire.config import WorkerSetup

_FOLDER_BLOCKS = 1000


class SharedBlocks:
    """A run's shared pieces, from one worker's view.

    They are divided into blocks, each a batch. The first worker that needs a block computes it and
    writes it to the run folder, where the others read it. A block's content depends only on the
    run's inputs, so any worker may compute it, even two at once. To keep that rare a worker claims
    a block before it computes it, and leaves those that others have claimed to the end; it waits
    for no other worker, so nothing is lost if one dies.

    Attributes:
        plan: The run's plan.
    """

    def __init__(self, plan: SharedPlan, folder: Path, origin: Mapping[str, object]) -> None:
        """Take a plan, its folder, and everything that determines the vectors of a piece."""
        self.plan = plan
        self._folder = folder
        self._origin = {**origin, "plan": plan.sha256}

    def find(self, texts: Sequence[str]) -> dict[int, dict[int, int]]:
        """Return the blocks that contain texts: by block and piece, the text's place."""
        found: dict[int, dict[int, int]] = {}
        for number, piece in enumerate(self.plan.find(texts)):
            if piece is not None:
                found.setdefault(self.plan.block_of(piece), {})[piece] = number
        return dict(sorted(found.items()))

    def common(self, texts: Sequence[str]) -> set[str]:
        """Return the texts that are pieces of the plan."""
        found = zip(texts, self.plan.find(texts), strict=True)
        return {text for text, piece in found if piece is not None}

    def kept(self, block: int) -> PartialResult:
        """Return the path of a block's vectors."""
        return PartialResult(self._path(block, "shared"), self._origin)

    def claim(self, block: int) -> bool:
        """Claim a block; return whether no other worker has claimed it."""
        path = self._path(block, "claim")
        with suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True)
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666))
            return True
        return False

    def keep(self, block: int, batch: KeptBatch) -> int:
        """Write a block for the others, atomically; return the offset of its vectors.

        Raises:
            OSError: It cannot be written.
        """
        unfinished = PartialResult(self._path(block, f"shared.{os.getpid()}"), self._origin)
        try:
            place = unfinished.keep(batch)
            unfinished.path.replace(self.kept(block).path)
        except OSError:
            with suppress(OSError):
                unfinished.path.unlink(missing_ok=True)
            raise
        return place

    def _path(self, block: int, kind: str) -> Path:
        # Removed with the other partial results at the end of the run.
        folder = self._folder / f"{block // _FOLDER_BLOCKS:05d}"
        return folder / f"{block}_ESM.{kind}.partial"


def shared_blocks(setup: WorkerSetup, weights_sha256: str, first: int) -> SharedBlocks | None:
    """Return the shared blocks of some of a run's files; None if there are none.

    Args:
        weights_sha256: Of its model.
        first: Of which files, see `dereplication.added_plan`.

    Raises:
        UserError: The plan is damaged.
    """
    if setup.folder is None or not setup.settings.dereplicate:
        return None
    folder = added_plan(plan_folder(setup.folder, setup.mark), first)
    plan = _opened(folder)
    if plan is None:
        return None
    origin: dict[str, object] = {
        "settings": asdict(setup.settings),
        "threads": setup.threads,
        "weights": weights_sha256,
        "model": setup.model.label,
    }
    return SharedBlocks(plan, folder, origin)


@lru_cache(maxsize=8)
def _opened(folder: Path) -> SharedPlan | None:
    return SharedPlan.open(folder)
