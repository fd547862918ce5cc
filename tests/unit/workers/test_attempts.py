"""A second attempt at a file takes over from the first what would be the same, and only that."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from msgspec.structs import replace as with_fields

from tests.support.benches import bench_for, worker_setup
from tests.support.checkpoints import make_checkpoint
from tests.support.tasks import run_task, task_of, write_file
from tests.support.work_board import ListBoard
from tui_balancer.embedding.embedder import load_embedder
from tui_balancer.embedding.families.code import resolve
from tui_balancer.embedding.families.requests import CheckpointModel
from tui_balancer.embedding.settings import EmbeddingSettings
from tui_balancer.inputs.records import ReadingRules
from tui_balancer.leases import Directive
from tui_balancer.workers.task.task import Abandoned
from tui_balancer.workers.wire.config import WorkerSetup
from tui_balancer.workers.wire.protocol import Task, TaskResult

SEQUENCES = 20
KEPT = 3


@pytest.fixture(scope="module")
def setup(tmp_path_factory: pytest.TempPathFactory) -> WorkerSetup:
    path = make_checkpoint(tmp_path_factory.mktemp("model") / "tiny.pt")
    return worker_setup(resolve(CheckpointModel(path)), EmbeddingSettings(batch_tokens=60))


class Attempts:
    """Attempts at one file, each by a worker of its own.

    Attributes:
        file: The file; 20 sequences in many batches.
        board: What the workers said.
    """

    def __init__(self, folder: Path, setup: WorkerSetup) -> None:
        self.file = write_file(folder, 0, SEQUENCES)
        self.board = ListBoard()
        self._setup = setup
        self._epoch = 0

    def cut_short(self) -> list[int]:
        """Attempt it, but let the app take it back after three batches."""
        left = iter([Directive.CONTINUE] * (KEPT - 1))
        self.board.progress = self._answering(lambda: next(left, Directive.ABANDON))  # type: ignore[method-assign]
        with pytest.raises(Abandoned):
            self._run(self._setup)
        return self._reported()

    def finish(self, setup: WorkerSetup | None = None) -> tuple[str, list[int]]:
        """Attempt it to the end; return the output's checksum and the reported progress."""
        self.board.progress = self._answering(lambda: Directive.CONTINUE)  # type: ignore[method-assign]
        (result,) = self._run(setup or self._setup).files
        assert result.error == ""
        return result.written[0].sha256, self._reported()

    @property
    def task(self) -> Task:
        """The newest attempt."""
        return task_of(0, self.file, epoch=self._epoch)

    def _answering(self, answer: Callable[[], Directive]) -> Callable[..., Directive]:
        def progress(worker: object, progress: object) -> Directive:
            ListBoard.progress(self.board, worker, progress)  # type: ignore[arg-type]
            return answer()

        return progress

    def _run(self, setup: WorkerSetup) -> TaskResult:
        self._epoch += 1
        self.board.progress_reports.clear()
        embedder = load_embedder(setup.model, "cpu:0", 1, setup.settings)
        return run_task(bench_for(setup, self.board, embedder), self.task)

    def _reported(self) -> list[int]:
        return [report.done.sequences for report in self.board.progress_reports]


@pytest.fixture
def attempts(tmp_path: Path, setup: WorkerSetup) -> Attempts:
    return Attempts(tmp_path, setup)


@pytest.fixture
def undisturbed(tmp_path: Path, setup: WorkerSetup) -> tuple[str, list[int]]:
    """Checksum and progress of an attempt that nothing came before."""
    folder = tmp_path / "quiet"
    folder.mkdir()
    return Attempts(folder, setup).finish()


def test_a_second_attempt_computes_only_what_the_first_did_not_finish(
    attempts: Attempts, undisturbed: tuple[str, list[int]]
) -> None:
    checksum, progress = undisturbed
    assert len(progress) > KEPT + 3
    assert attempts.cut_short() == progress[:KEPT]

    # The first report is of all that was there already, each other one of a batch.
    assert attempts.finish() == (checksum, progress[KEPT - 1 :])
    restored = [report.done.restored for report in attempts.board.progress_reports]
    assert restored == [True] + [False] * (len(progress) - KEPT)


def test_attempt_after_attempt_comes_further(
    attempts: Attempts, undisturbed: tuple[str, list[int]]
) -> None:
    checksum, progress = undisturbed
    attempts.cut_short()
    # It may embed two batches after the report of those that were there.
    assert attempts.cut_short() == progress[KEPT - 1 : KEPT + 2]
    assert attempts.finish() == (checksum, progress[KEPT + 1 :])


@pytest.mark.parametrize(("bytes_kept", "batches_kept"), [(0, 0), (1, 0), (-1, KEPT - 1)])
def test_a_partial_result_cut_short_costs_batches_but_no_bytes(
    attempts: Attempts,
    undisturbed: tuple[str, list[int]],
    bytes_kept: int,
    batches_kept: int,
) -> None:
    checksum, progress = undisturbed
    attempts.cut_short()
    partial = attempts.task.partial
    partial.write_bytes(partial.read_bytes()[:bytes_kept])

    assert attempts.finish() == (checksum, progress[max(0, batches_kept - 1) :])


def test_nothing_is_taken_over_from_another_input(
    attempts: Attempts, tmp_path: Path, setup: WorkerSetup
) -> None:
    attempts.cut_short()
    fresh = Attempts(new_folder(tmp_path), setup)
    for one in (attempts, fresh):
        source = one.file.source
        source.write_text(source.read_text().replace("MKV", "MKI", 1))
        checksum = hashlib.sha256(source.read_bytes()).hexdigest()
        one.file = with_fields(one.file, source_sha256=checksum)

    assert attempts.finish() == fresh.finish()


@pytest.mark.parametrize(
    "change",
    [
        {"settings": EmbeddingSettings(batch_tokens=61)},
        {"settings": EmbeddingSettings(batch_tokens=60, repr_layers=(1,))},
        {"settings": EmbeddingSettings(batch_tokens=60, max_length=1000)},
        {"settings": EmbeddingSettings(batch_tokens=60, precision="bf16")},
        {"settings": EmbeddingSettings(batch_tokens=60, reference=True)},
        {"reading": ReadingRules(max_length=20)},
        {"threads": 2},
    ],
    ids=str,
)
def test_nothing_is_taken_over_that_was_made_under_another_setting(
    attempts: Attempts, tmp_path: Path, setup: WorkerSetup, change: dict[str, object]
) -> None:
    other = replace(setup, **change)  # type: ignore[arg-type]
    attempts.cut_short()

    assert attempts.finish(other) == Attempts(new_folder(tmp_path), other).finish()


def test_nothing_is_taken_over_from_another_model_of_the_same_name(
    attempts: Attempts, tmp_path: Path, setup: WorkerSetup
) -> None:
    model = resolve(CheckpointModel(make_checkpoint(tmp_path / "new" / "tiny.pt", seed=1)))
    other = replace(setup, model=model)
    attempts.cut_short()

    assert attempts.finish(other) == Attempts(new_folder(tmp_path), other).finish()


def new_folder(parent: Path) -> Path:
    folder = parent / "fresh"
    folder.mkdir()
    return folder
