"""Runs whose files are embedded in the test's own process, by a device that tells every batch."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from zlib import crc32

import torch

from tests.support.benches import bench_for, worker_setup
from tests.support.checkpoints import make_checkpoint
from tests.support.tasks import run_task
from tests.support.work_board import ListBoard
from tui_balancer.embedding.embedder import Embedder
from tui_balancer.embedding.families.code import resolve
from tui_balancer.embedding.families.requests import CheckpointModel
from tui_balancer.embedding.settings import EmbeddingSettings
from tui_balancer.inputs.duplicates import DuplicateIndex
from tui_balancer.inputs.finding.discovery import find_inputs
from tui_balancer.inputs.records import ReadingRules
from tui_balancer.inputs.scan import scan
from tui_balancer.outputs.dereplication import plan_folder
from tui_balancer.outputs.layout import output_paths
from tui_balancer.run.prepare.duplicates import dereplicated
from tui_balancer.run_folder.manifest import Manifest, file_records
from tui_balancer.scheduler.model import Lease
from tui_balancer.store.vector_store import VectorStore
from tui_balancer.workers.vectors.stored import StoredVectors
from tui_balancer.workers.wire.config import StoreUse

WIDTH, BATCH_TOKENS = 16, 30
RULES = ReadingRules(max_length=12, long="window")
SETTINGS = EmbeddingSettings(batch_tokens=BATCH_TOKENS, max_length=12, long="window")


class Company:
    """Stands for a device whose numbers tell a piece and its whole batch, and counts them."""

    def __init__(self) -> None:
        self.embedded: list[str] = []
        self.batches: list[tuple[str, ...]] = []

    def __call__(self, sequences: Sequence[str]) -> torch.Tensor:
        self.embedded += sequences
        self.batches.append(tuple(sequences))
        company = "".join(sequences)
        numbers = [crc32(f"{one} {company}".encode()) for one in sequences]
        return torch.tensor(numbers, dtype=torch.float32)[:, None].repeat(1, WIDTH)


class Run:
    """A run in a folder, its files made one by one by as many workers as one likes.

    Attributes:
        company: The device, after the last file.
        full_cost: Of all files, copies and stored sequences too.
        files: The files with their costs.
    """

    def __init__(
        self,
        inputs: Path,
        folder: Path,
        embedder: Embedder,
        store: Path | None = None,
        **changed: Any,
    ) -> None:
        folder.mkdir(exist_ok=True)
        self.company = Company()
        self._embedder = embedder
        self.settings = replace(SETTINGS, **changed)
        model = make_checkpoint(folder / "tiny.pt", width=WIDTH)
        source = resolve(CheckpointModel(model))
        self._setup = worker_setup(source, self.settings, RULES, folder=folder)
        duplicate_index = DuplicateIndex()
        if store is not None:
            opened = VectorStore.create(store)
            use = StoreUse(store, opened.newest(), "a device", ("another", "a device"))
            self._setup = replace(self._setup, store=use)
            duplicate_index.known = StoredVectors(opened, use, source, self.settings).known
        found = find_inputs([str(inputs)])
        scans = scan(found, RULES, duplicate_index=duplicate_index)
        shape = embedder.shape
        files = file_records(scans, output_paths(found), shape, BATCH_TOKENS)
        self.full_cost = sum(file.cost for file in files)
        if self.settings.dereplicate:
            place = plan_folder(folder)
            files = dereplicated(files, duplicate_index, place, shape, RULES, BATCH_TOKENS)
        self.files = files
        self.manifest = Manifest.of(files, folder)

    def make(self, numbers: Iterable[int], epoch: int = 1) -> dict[int, str]:
        """Embed files, each by a worker of its own, and return their outputs' checksums."""
        made: dict[int, str] = {}
        for unit in self.manifest.units(map(self.manifest.file_unit, numbers)):
            self._embedder.embed = self.company  # type: ignore[method-assign]
            bench = bench_for(self._setup, ListBoard(), self._embedder)
            result = run_task(bench, self.manifest.task(Lease(unit, "cpu:0", epoch)))
            assert not any(file.error for file in result.files)
            made.update((file.file_id, file.written[0].sha256) for file in result.files)
        return made


def write_inputs(folder: Path, dice: random.Random) -> int:
    """Write files of few distinct sequences, some longer than a window; return how many files."""
    folder.mkdir()
    pool = ["".join(dice.choices("LAGV", k=dice.randint(1, 30))) for _ in range(8)]
    count = dice.randint(2, 9)
    for number in range(count):
        names = dice.choices(pool, k=dice.choice([1, 2, 5, 12]))
        text = "".join(f">p{n}\n{one}\n" for n, one in enumerate(names))
        (folder / f"{number:02}.faa").write_text(text)
    return count
