"""A device that computes by itself, in a worker's loop: it is never without a batch."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import cast

import pytest
import torch

from tests.support.benches import WORKER, bench_for, worker_setup
from tests.support.checkpoints import make_checkpoint
from tests.support.tasks import write_task
from tests.support.work_board import ListBoard
from tui_balancer.alphabets import PROTEIN
from tui_balancer.embedding.batching import plan_batches
from tui_balancer.embedding.embedder import Embedder, load_embedder
from tui_balancer.embedding.families.code import resolve
from tui_balancer.embedding.families.requests import CheckpointModel
from tui_balancer.embedding.settings import EmbeddingSettings
from tui_balancer.inputs.content import read_fasta
from tui_balancer.inputs.records import ReadingRules
from tui_balancer.workers.process.loop import work_until_over
from tui_balancer.workers.task.read_ahead import ReadAhead
from tui_balancer.workers.vectors.batch_plan import first_batch
from tui_balancer.workers.wire.config import WorkerSetup
from tui_balancer.workers.wire.protocol import Task
from tui_balancer.workers.wire.queues import WorkQueue

BATCH_TOKENS = 60


class Waiting:
    """A batch that says when it is waited for."""

    def __init__(self, device: Device, batch: list[str]) -> None:
        self._device, self._batch = device, batch

    def vectors(self) -> torch.Tensor:
        self._device.story.append(("waited", self._batch))
        return self._device.embedder.embed(self._batch)

    def seconds(self) -> float:
        return 1.0


class Device:
    """Stands in for a card: computes with a real model, and remembers what it had when."""

    computes_by_itself = True

    def __init__(self, embedder: Embedder) -> None:
        self.embedder = embedder
        self.shape, self.sha256, self.kept = embedder.shape, embedder.sha256, embedder.kept
        self.story: list[tuple[str, list[str]]] = []

    def begin(self, sequences: Sequence[str]) -> Waiting:
        self.story.append(("begun", list(sequences)))
        return Waiting(self, list(sequences))


@pytest.fixture
def setup(tmp_path: Path) -> WorkerSetup:
    model = resolve(CheckpointModel(make_checkpoint(tmp_path / "tiny.pt")))
    return worker_setup(model, EmbeddingSettings(batch_tokens=BATCH_TOKENS))


def batches_of(task: Task) -> list[list[str]]:
    residues = [one.residues for one in read_fasta(task.files[0].source, ReadingRules()).records]
    plan = plan_batches([len(one) for one in residues], BATCH_TOKENS, PROTEIN)
    return [[residues[row] for row in batch] for batch in plan]


def test_every_batch_begins_once_and_before_the_one_before_is_waited_for(
    setup: WorkerSetup, tmp_path: Path
) -> None:
    tasks = [write_task(tmp_path, number) for number in (1, 2, 3)]
    batches = [batch for task in tasks for batch in batches_of(task)]
    board = ListBoard(tasks=list(tasks), over=True)
    device = Device(load_embedder(setup.model, "cpu:0", 1, setup.settings))
    bench = bench_for(setup, board, cast(Embedder, device))
    work_until_over(bench)

    assert [batch for word, batch in device.story if word == "waited"] == batches
    assert [batch for word, batch in device.story if word == "begun"] == batches
    assert bench.busy.seconds() == len(batches)
    assert not any(result.files[0].error for result in board.results)
    for one, following in zip(batches_of(tasks[0])[:-1], batches_of(tasks[0])[1:], strict=True):
        assert device.story.index(("begun", following)) < device.story.index(("waited", one))


def test_the_first_batch_of_the_next_file_is_known_once_it_is_read(tmp_path: Path) -> None:
    first, second = (write_task(tmp_path, number) for number in (1, 2))
    rules = ReadingRules()
    begin = partial(first_batch, rules=rules, batch_tokens=BATCH_TOKENS)
    queue = WorkQueue(ListBoard(tasks=[second]), WORKER)
    ahead = ReadAhead(queue, lambda _: rules, lambda _, records: begin(records))
    ahead.files(first)
    assert ahead.first_batch() == ()
    ahead.begin()
    ahead.close()
    assert ahead.first_batch() == (batches_of(second)[0],)
