"""An app to be killed, with two workers that are deep in their work.

They read a pipe into which nobody writes, so nothing but their watch on the app can tell them
that it is gone. Their process ids are the app's only output.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from tests.support.tasks import write_task
from tests.support.work_board import ListBoard
from tui_balancer.embedding.families.requests import UntrainedModel
from tui_balancer.embedding.settings import EmbeddingSettings
from tui_balancer.engines.local import LocalEngine
from tui_balancer.inputs.records import ReadingRules
from tui_balancer.workers.wire.config import WorkerSetup
from tui_balancer.workers.wire.protocol import WorkerId
from tui_balancer.workers.wire.queues import create_shared_work_queues


def main(folder: Path) -> None:
    """Start the workers, print their process ids once they are at work, and wait."""
    board = ListBoard()
    for number in range(2):
        task = write_task(folder, number)
        task.files[0].source.unlink()
        os.mkfifo(task.files[0].source)
        board.put(task)
    queues, _manager = create_shared_work_queues(board)

    def setup_for(device: str) -> WorkerSetup:
        return WorkerSetup(
            worker=WorkerId(device, 1),
            threads=1,
            model=UntrainedModel("esm2_t6_8M_UR50D", seed=0).source(),
            settings=EmbeddingSettings(),
            reading=ReadingRules(),
            log=folder / f"{device}.log",
            queues=queues,
        )

    engine = LocalEngine(["cpu:0", "cpu:1"], setup_for, lambda worker, end: False)
    engine.start()
    board.wait_until(lambda: len(board.taken) == 2)
    print(*engine.pids().values(), flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
