"""A task from its being taken to its result, with a real model and no process around it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

import pytest
import torch

from tests.support.checkpoints import make_checkpoint
from tests.support.tasks import write_file, write_task
from tests.support.work_board import DEADLINE_SECONDS, ListBoard
from tui_balancer.embedding.batching import MARKERS
from tui_balancer.embedding.checkpoints import resolve
from tui_balancer.embedding.embedder import Embedder, load_embedder
from tui_balancer.embedding.flops import forward_flops
from tui_balancer.embedding.registry import CheckpointModel
from tui_balancer.embedding.settings import EmbeddingSettings
from tui_balancer.inputs.fasta import read_fasta
from tui_balancer.inputs.records import ReadingRules
from tui_balancer.workers.busy import BusyClock
from tui_balancer.workers.loop import work_until_over
from tui_balancer.workers.protocol import FileTask, Order, Task, WorkerId, WorkerSetup
from tui_balancer.workers.queues import WorkQueue
from tui_balancer.workers.task import Abandoned, Bench, TaskRun
from tui_balancer.workers.vectors import FileVectors

WORKER = WorkerId("cpu:0", 1)
Refusal = Callable[..., NoReturn]


@pytest.fixture(scope="module")
def setup(tmp_path_factory: pytest.TempPathFactory) -> WorkerSetup:
    folder = tmp_path_factory.mktemp("model")
    return WorkerSetup(
        worker=WORKER,
        threads=1,
        model=resolve(CheckpointModel(make_checkpoint(folder / "tiny.pt"))),
        settings=EmbeddingSettings(batch_tokens=60),
        reading=ReadingRules(),
        log=folder / "unused.log",
        address="unused",
        authkey=b"unused",
    )


@pytest.fixture(scope="module")
def embedder(setup: WorkerSetup) -> Embedder:
    return load_embedder(setup.model, "cpu:0", 1, setup.settings)


@pytest.fixture
def board() -> ListBoard:
    return ListBoard()


@pytest.fixture
def bench(setup: WorkerSetup, board: ListBoard, embedder: Embedder) -> Bench:
    return Bench(setup, WorkQueue(board, WORKER), embedder, BusyClock())


@contextmanager
def working(bench: Bench, board: ListBoard) -> Iterator[None]:
    """Take and embed tasks in a thread until the block ends."""
    thread = threading.Thread(target=work_until_over, args=(bench,), daemon=True)
    thread.start()
    yield
    board.end()
    thread.join(DEADLINE_SECONDS)
    assert not thread.is_alive()


def lengths_of(file: FileTask) -> list[int]:
    return [len(record.residues) for record in read_fasta(file.source, ReadingRules()).records]


def test_progress_adds_up_to_the_cost_of_the_unit(
    bench: Bench, board: ListBoard, tmp_path: Path
) -> None:
    task = write_task(tmp_path, 0)
    result = TaskRun(bench, task).embed()

    reports = board.progress_reports
    lengths = lengths_of(task.files[0])
    assert [one.sequences for one in reports] == [2, 5, 6]
    assert reports[-1].residues == sum(lengths)
    assert reports[-1].cost == pytest.approx(
        sum(forward_flops(bench.setup.model.shape, length + MARKERS) for length in lengths)
    )
    assert result.compute_seconds == bench.busy.seconds() > 0


def test_progress_of_a_bundle_goes_on_from_file_to_file(
    bench: Bench, board: ListBoard, tmp_path: Path
) -> None:
    files = tuple(write_file(tmp_path, number, sequences=2) for number in range(3))
    TaskRun(bench, Task(unit_id=7, epoch=3, files=files)).embed()

    assert [one.sequences for one in board.progress_reports] == [2, 4, 6]
    assert {(one.unit_id, one.epoch) for one in board.progress_reports} == {(7, 3)}


def test_a_file_has_the_same_bytes_alone_and_in_a_bundle(bench: Bench, tmp_path: Path) -> None:
    first, second = write_file(tmp_path, 0), write_file(tmp_path, 1, sequences=5)
    bundle = TaskRun(bench, Task(0, 1, (first, second))).embed()
    alone = TaskRun(bench, Task(1, 1, (second,))).embed()

    assert bundle.files[1].output_sha256 == alone.files[0].output_sha256
    assert bundle.files[0].output_sha256 != alone.files[0].output_sha256


def test_what_was_cut_replaced_and_skipped_is_counted_and_written(
    bench: Bench, tmp_path: Path
) -> None:
    bench = replace(bench, setup=replace(bench.setup, reading=ReadingRules(max_length=5)))
    file = write_file(tmp_path, 0, sequences=1)
    file.source.write_text(">long\nMKVLAAG\n>empty\n\n>odd\nMJJ\n")
    file = replace(file, source_sha256=read_fasta(file.source, ReadingRules()).sha256)
    (result,) = TaskRun(bench, Task(0, 1, (file,))).embed().files

    output = torch.load(file.temporary, weights_only=True)
    assert output["proteins"] == ["long", "odd"]
    assert output["metadata"]["truncated_ids"] == ["long"]
    assert (result.sequences, result.truncated, result.replaced, result.skipped) == (2, 1, 2, 1)
    assert result.output_bytes == file.temporary.stat().st_size


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        (EmbeddingSettings(batch_tokens=60), ("fp32", "packed")),
        (EmbeddingSettings(batch_tokens=60, precision="bf16"), ("bf16", "packed")),
        (EmbeddingSettings(batch_tokens=60, reference=True), ("fp32", "fair-esm")),
    ],
)
def test_an_output_tells_its_number_format_and_its_forward_pass(
    bench: Bench, tmp_path: Path, settings: EmbeddingSettings, told: tuple[str, str]
) -> None:
    embedder = load_embedder(bench.setup.model, "cpu:0", 1, settings)
    bench = replace(bench, setup=replace(bench.setup, settings=settings), embedder=embedder)
    task = write_task(tmp_path, 0)
    TaskRun(bench, task).embed()

    metadata = torch.load(task.files[0].temporary, weights_only=True)["metadata"]
    assert (metadata["precision"], metadata["forward"]) == told


def test_bad_files_fail_with_their_reason_and_the_others_of_the_bundle_are_written(
    bench: Bench, tmp_path: Path
) -> None:
    nonsense, changed, missing, good = (write_file(tmp_path, number) for number in range(4))
    nonsense.source.write_text("no FASTA at all\n")
    changed.source.write_text(">p0\nMKV\n")
    missing.source.unlink()
    result = TaskRun(bench, Task(0, 1, (nonsense, changed, missing, good))).embed()

    errors = [one.error for one in result.files]
    assert "line 1: not FASTA" in errors[0]
    assert errors[1] == "it changed since the scan"
    assert "No such file" in errors[2]
    assert errors[3] == ""
    assert list(tmp_path.glob("out/*.tmp")) == [good.temporary]


def test_an_output_that_cannot_be_written_fails_its_file(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file where the folder should be")
    (result,) = TaskRun(bench, write_task(tmp_path, 0)).embed().files

    assert result.error == "cannot write its output: File exists"
    assert not result.disk_full


def test_a_full_disk_is_told_apart_from_what_a_file_is_to_blame_for(
    bench: Bench, tmp_path: Path
) -> None:
    task = write_task(tmp_path, 0)
    task.files[0].temporary.parent.mkdir(parents=True)
    task.files[0].temporary.symlink_to("/dev/full")
    (result,) = TaskRun(bench, task).embed().files

    assert result.disk_full
    assert result.error == "cannot write its output: No space left on device"
    assert not task.files[0].temporary.is_symlink()


@pytest.mark.parametrize(
    ("trouble", "reason"),
    [
        (MemoryError(), "not enough memory for any of its sequences, not even one at a time"),
        (ValueError("two\nlines"), "cannot embed it: ValueError: two lines"),
    ],
)
def test_what_goes_wrong_with_one_file_is_its_reason_in_one_line(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trouble: Exception, reason: str
) -> None:
    monkeypatch.setattr(bench.embedder, "embed", refusal(trouble))
    (result,) = TaskRun(bench, write_task(tmp_path, 0)).embed().files

    assert reason in result.error
    assert "\n" not in result.error
    assert not list(tmp_path.glob("out/*"))


def test_vectors_that_do_not_fit_into_memory_at_all_fail_their_file(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(FileVectors, "__init__", refusal(MemoryError()))
    (result,) = TaskRun(bench, write_task(tmp_path, 0)).embed().files

    assert result.error == "cannot embed it: not enough memory"


def test_a_sequence_that_does_not_fit_is_left_out_by_its_id_and_the_file_is_done(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = write_task(tmp_path, 0)
    records = read_fasta(task.files[0].source, ReadingRules()).records
    big = records[1]
    embed = bench.embedder.embed

    def cramped(sequences: Sequence[str]) -> torch.Tensor:
        if big.residues in sequences:
            raise MemoryError
        return embed(sequences)

    monkeypatch.setattr(bench.embedder, "embed", cramped)
    (result,) = TaskRun(bench, task).embed().files

    output = torch.load(task.files[0].temporary, weights_only=True)
    others = [record for record in records if record is not big]
    assert output["proteins"] == [record.id for record in others]
    for record, vector in zip(others, output["data"], strict=True):
        torch.testing.assert_close(vector, embed([record.residues])[0])
    assert output["metadata"]["failed_ids"] == [big.id]
    assert output["metadata"]["sequences"] == len(others)
    assert output["metadata"]["split_batches"] == 1
    assert (result.failed_ids, result.sequences, result.error) == ((big.id,), len(others), "")


def test_a_device_that_gave_up_takes_the_worker_down_instead_of_file_after_file(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trouble = RuntimeError("CUDA error: unspecified launch failure")
    monkeypatch.setattr(bench.embedder, "embed", refusal(trouble))

    with pytest.raises(RuntimeError, match="unspecified launch failure"):
        TaskRun(bench, write_task(tmp_path, 0)).embed()


def test_an_app_that_is_gone_is_no_fault_of_the_file(
    bench: Bench, board: ListBoard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def hung_up(worker: object, progress: object) -> Order:
        raise ConnectionResetError

    monkeypatch.setattr(board, "progress", hung_up)
    with pytest.raises(ConnectionResetError):
        TaskRun(bench, write_task(tmp_path, 0)).embed()


def test_a_pause_holds_at_the_batch_boundary_until_it_is_over(
    bench: Bench, board: ListBoard, tmp_path: Path
) -> None:
    board.set_order(Order.PAUSE)
    board.put(write_task(tmp_path, 0))
    with working(bench, board):
        board.wait_until(lambda: bool(board.paused))
        assert len(board.progress_reports) == 1
        assert not board.results
        board.set_order(Order.CONTINUE)
        board.wait_until(lambda: bool(board.results))

    assert board.results[0].files[0].error == ""


def test_a_pause_after_the_last_batch_keeps_no_finished_file_back(
    bench: Bench, board: ListBoard, tmp_path: Path
) -> None:
    board.set_order(Order.PAUSE)
    board.put(write_task(tmp_path, 0, sequences=1))
    with working(bench, board):
        board.wait_until(lambda: bool(board.results))

    assert not board.paused


def test_a_task_taken_back_leaves_nothing_of_the_files_that_were_written_already(
    bench: Bench, board: ListBoard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = write_file(tmp_path, 0, sequences=1), write_file(tmp_path, 1)
    orders = iter([Order.CONTINUE, Order.ABANDON])
    monkeypatch.setattr(board, "progress", lambda worker, progress: next(orders))
    run = TaskRun(bench, Task(0, 1, (first, second)))
    with pytest.raises(Abandoned):
        run.embed()
    assert first.temporary.exists()

    run.discard()
    assert not list(tmp_path.glob("out/*.tmp"))


def test_after_a_task_was_taken_back_the_next_one_is_taken(
    bench: Bench, board: ListBoard, tmp_path: Path
) -> None:
    board.set_order(Order.ABANDON)
    board.put(write_task(tmp_path, 0), write_task(tmp_path, 1))
    with working(bench, board):
        board.wait_until(lambda: not board.tasks and bool(board.idle))

    assert [task.unit_id for _, task in board.taken] == [0, 1]
    assert not board.results


def refusal(trouble: Exception) -> Refusal:
    """Return a stand-in for any function that always fails so."""

    def refuse(*arguments: object) -> NoReturn:
        raise trouble

    return refuse
