"""How long a worker does not compute between two files: `python -m tests.benchmarks.worker_gap`.

A worker's loop over a real socket, on made-up files of about two seconds each. Columns: the mean
time from the last batch of a file to the first one of the next, and that as a share of the wall
time of a file; with the file read ahead and the output written behind, as workers do, and with
one step after the other, as they would do without.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

from tests.support.tasks import run_task, task_of
from tests.support.work_board import ListBoard
from tui_balancer.embedding.embedder import Embedder, load_embedder
from tui_balancer.embedding.families.code import resolve
from tui_balancer.embedding.families.requests import UntrainedModel
from tui_balancer.embedding.settings import EmbeddingSettings
from tui_balancer.inputs.records import ReadingRules
from tui_balancer.inputs.synthetic import write_synthetic
from tui_balancer.leases import Directive
from tui_balancer.outputs.formats import FORMATS
from tui_balancer.outputs.sealing import sha256_of
from tui_balancer.process.heap import keep_freed_memory
from tui_balancer.workers.process.busy import BusyClock
from tui_balancer.workers.process.loop import work_until_over
from tui_balancer.workers.task.prefetch import Prefetch
from tui_balancer.workers.task.task import WorkerContext
from tui_balancer.workers.wire.config import WorkerSetup
from tui_balancer.workers.wire.protocol import FileTask, OutputTask, Task, TaskProgress, WorkerId
from tui_balancer.workers.wire.queues import create_shared_work_queues

MODEL = "esm2_t6_8M_UR50D"
SEQUENCES = 75
"""In a file: about two seconds on one core."""


class Stopwatch(BusyClock):
    """Remembers every batch.

    Attributes:
        batches: Beginning and end of each, in seconds of the process.
    """

    def __init__(self) -> None:
        super().__init__()
        self.batches: list[tuple[float, float]] = []

    @contextmanager
    def running(self) -> Iterator[None]:
        began = time.perf_counter()
        with super().running():
            yield
        self.batches.append((began, time.perf_counter()))


class Board(ListBoard):
    """Remembers how many batches were through whenever a task was."""

    def __init__(self, tasks: list[Task], clock: Stopwatch) -> None:
        super().__init__(tasks=tasks, over=True)
        self.clock = clock
        self.ends: list[int] = []

    def progress(self, worker: WorkerId, progress: TaskProgress) -> Directive:
        if progress.computed:
            self.ends.append(len(self.clock.batches))
        return super().progress(worker, progress)


def tasks(folder: Path, files: int) -> list[Task]:
    made = []
    for number in range(files):
        (path,) = write_synthetic(folder / str(number), files=1, sequences=SEQUENCES, seed=number)
        output = OutputTask(FORMATS["virnucpro"], folder / f"{number}.tmp")
        file = FileTask(number, path, sha256_of(path), (output,))
        made.append(task_of(number, file))
    return made


def measure(folder: Path, embedder: Embedder, setup: WorkerSetup, files: int, serial: bool) -> None:
    clock = Stopwatch()
    board = Board(tasks(folder, files), clock)
    queues, manager = create_shared_work_queues(board)
    bench = WorkerContext(
        setup, queues.connect(setup.worker), embedder, clock, Prefetch(embedder, clock)
    )
    if serial:
        while (task := bench.queue.take()) is not None:
            bench.queue.finish(run_task(bench, task))
    else:
        work_until_over(bench)
    del manager
    gaps = [
        after[0] - before[1]
        for number, (before, after) in enumerate(pairwise(clock.batches), start=1)
        if number in board.ends
    ]
    wall = clock.batches[-1][1] - clock.batches[0][0]
    busy = sum(end - began for began, end in clock.batches)
    print(
        f"{'one after the other' if serial else 'as workers do':<20}{wall / files:>10.2f}"
        f"{1000 * sum(gaps) / len(gaps):>9.1f}{1000 * max(gaps):>9.1f}"
        f"{sum(gaps) / len(gaps) / (wall / files):>9.2%}{1 - busy / wall:>14.2%}",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--files", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=2)
    options = parser.parse_args()
    keep_freed_memory()
    settings = EmbeddingSettings(batch_tokens=1024)
    model = resolve(UntrainedModel(MODEL, 0))
    embedder = load_embedder(model, "cpu:0", 1, settings)
    embedder.embed(["MKV"])
    print(f"{'':<20}{'s a file':>10}{'gap ms':>9}{'worst':>9}{'share':>9}{'not computing':>14}")
    for _ in range(options.rounds):
        for serial in (True, False):
            with tempfile.TemporaryDirectory() as name:
                folder = Path(name)
                worker = WorkerId("cpu:0", 1)
                setup = WorkerSetup(worker, 1, model, settings, ReadingRules(), folder, None)
                measure(folder, embedder, setup, options.files, serial)


if __name__ == "__main__":
    main()
