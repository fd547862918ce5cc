"""What several units have in common, computed once for all; see `outputs.dereplication`."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path

from tui_balancer.outputs.dereplication import PLAN_FOLDER, SharedPlan
from tui_balancer.outputs.partials import KeptBatch, PartialResult
from tui_balancer.workers.wire.config import WorkerSetup

_FOLDER_BLOCKS = 1000


class SharedBlocks:
    """A run's shared pieces, as one worker sees them.

    They are divided into blocks, each a batch. Whoever needs a block first computes it and
    leaves it in the run folder, where the others read it. A block's content follows from the
    run's inputs alone, so it does not matter who that is, nor that two workers now and then
    compute the same one. To keep that rare a worker claims a block before it computes it, and
    leaves those that others have claimed to the end; it waits for nobody, so nothing is lost
    with a worker that dies.

    Attributes:
        plan: The run's.
    """

    def __init__(self, plan: SharedPlan, folder: Path, origin: Mapping[str, object]) -> None:
        """Take a plan, the run folder, and all that decides the vectors of a piece."""
        self.plan = plan
        self._folder = folder / PLAN_FOLDER
        self._origin = {**origin, "plan": plan.sha256}

    def find(self, texts: Sequence[str]) -> dict[int, dict[int, int]]:
        """Return the blocks in which some texts are: by block, by piece of the plan, which text."""
        found: dict[int, dict[int, int]] = {}
        for number, piece in enumerate(self.plan.find(texts)):
            if piece is not None:
                found.setdefault(self.plan.block_of(piece), {})[piece] = number
        return dict(sorted(found.items()))

    def common(self, texts: Sequence[str]) -> set[str]:
        """Return those of some texts that are pieces of the plan."""
        found = zip(texts, self.plan.find(texts), strict=True)
        return {text for text, piece in found if piece is not None}

    def kept(self, block: int) -> PartialResult:
        """Return where a block's vectors are, or will be."""
        return PartialResult(self._path(block, "shared"), self._origin)

    def claim(self, block: int) -> bool:
        """Whether nobody has claimed the block before; from now on this worker has."""
        path = self._path(block, "claim")
        with suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True)
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666))
            return True
        return False

    def keep(self, block: int, batch: KeptBatch) -> int:
        """Leave a block to the others, whole or not at all; return where its vectors begin.

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
        # Swept up with the other partial results when the run is through.
        folder = self._folder / f"{block // _FOLDER_BLOCKS:05d}"
        return folder / f"{block}_ESM.{kind}.partial"


def shared_blocks(setup: WorkerSetup, weights_sha256: str) -> SharedBlocks | None:
    """Return what units of the worker's run have in common; None if that is nothing.

    Raises:
        UserError: The plan is not as it was written.
    """
    folder = setup.folder
    plan = _opened(folder) if folder is not None and setup.settings.dereplicate else None
    if plan is None or folder is None:
        return None
    origin: dict[str, object] = {
        "settings": asdict(setup.settings),
        "threads": setup.threads,
        "weights": weights_sha256,
        "model": setup.model.label,
    }
    return SharedBlocks(plan, folder, origin)


@lru_cache(maxsize=1)
def _opened(folder: Path) -> SharedPlan | None:
    return SharedPlan.open(folder)
