"""A task from its being taken to its result, with a real model and no process around it."""

from __future__ import annotations

import itertools
import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

import pytest
import torch
from msgspec.structs import replace as with_fields

from tests.support.benches import bench_for, worker_setup
from tests.support.checkpoints import make_checkpoint
from tests.support.tasks import run_task, task_of, write_file, write_task
from tests.support.work_board import DEADLINE_SECONDS, ListBoard
from tui_balancer.embedding.embedder import Embedder, load_embedder
from tui_balancer.embedding.families.code import resolve
from tui_balancer.embedding.families.requests import CheckpointModel
from tui_balancer.embedding.settings import EmbeddingSettings
from tui_balancer.inputs.content import FastaContent, read_fasta
from tui_balancer.inputs.records import ReadingRules
from tui_balancer.inputs.segments import Stretch
from tui_balancer.leases import Directive
from tui_balancer.outputs import virnucpro
from tui_balancer.outputs.sealing import Written
from tui_balancer.workers.process.loop import work_until_over
from tui_balancer.workers.process.memory import limit_note
from tui_balancer.workers.task.task import Abandoned, WorkerContext
from tui_balancer.workers.vectors.vectors import UnitVectors
from tui_balancer.workers.wire.config import WorkerSetup
from tui_balancer.workers.wire.protocol import FileTask, Task, WorkerId

Refusal = Callable[..., NoReturn]


@pytest.fixture(scope="module")
def setup(tmp_path_factory: pytest.TempPathFactory) -> WorkerSetup:
    path = make_checkpoint(tmp_path_factory.mktemp("model") / "tiny.pt")
    return worker_setup(resolve(CheckpointModel(path)), EmbeddingSettings(batch_tokens=60))


@pytest.fixture(scope="module")
def embedder(setup: WorkerSetup) -> Embedder:
    return load_embedder(setup.model, "cpu:0", 1, setup.settings)


@pytest.fixture
def board() -> ListBoard:
    return ListBoard()


@pytest.fixture
def bench(setup: WorkerSetup, board: ListBoard, embedder: Embedder) -> WorkerContext:
    return bench_for(setup, board, embedder)


@contextmanager
def working(bench: WorkerContext, board: ListBoard) -> Iterator[None]:
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
    bench: WorkerContext, board: ListBoard, tmp_path: Path
) -> None:
    task = write_task(tmp_path, 0)
    result = run_task(bench, task)

    reports = board.progress_reports
    lengths = lengths_of(task.files[0])
    assert [one.done.sequences for one in reports] == [2, 5, 6]
    assert reports[-1].done.residues == sum(lengths)
    assert reports[-1].done.cost == pytest.approx(
        sum(bench.setup.model.shape.sequence_flops(length) for length in lengths)
    )
    assert result.compute_seconds == bench.busy.seconds() > 0


def test_the_batches_of_a_bundle_run_across_its_files(
    bench: WorkerContext, board: ListBoard, tmp_path: Path
) -> None:
    files = tuple(write_file(tmp_path, number, sequences=2) for number in range(3))
    result = run_task(bench, task_of(7, *files, epoch=3))

    assert [one.done.sequences for one in board.progress_reports] == [2, 5, 6]
    assert [one.computed for one in board.progress_reports] == [False, False, True]
    assert {(one.unit_id, one.epoch) for one in board.progress_reports} == {(7, 3)}
    for file, done in zip(files, result.files, strict=True):
        records = read_fasta(file.source, ReadingRules()).records
        output = torch.load(file.outputs[0].temporary, weights_only=True)
        assert output["proteins"] == [record.id for record in records]
        assert done.sequences == len(records)
        for record, vector in zip(records, output["data"], strict=True):
            alone = bench.embedder.embed([record.residues])[0]
            torch.testing.assert_close(vector, alone, rtol=1e-5, atol=1e-6)


def test_a_file_made_anew_has_the_bytes_that_it_had_in_its_bundle(
    bench: WorkerContext, board: ListBoard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bench.embedder, "embed", neighbourly)
    files = [write_file(tmp_path, number, sequences=3) for number in range(4)]
    bundle = run_task(bench, task_of(0, *files))
    alone = run_task(bench, task_of(1, files[1]))
    board.progress_reports.clear()
    wanted = [with_fields(file, wanted=file is files[1]) for file in files]
    anew = run_task(bench, task_of(0, *wanted, epoch=2))

    assert anew.files == (bundle.files[1],)
    assert anew.files != alone.files
    assert board.progress_reports[-1].done.sequences == 3


def test_one_file_that_cannot_be_embedded_does_not_take_its_bundle_along(
    bench: WorkerContext, board: ListBoard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = [write_file(tmp_path, number, sequences=3) for number in range(3)]
    culprit = read_fasta(files[1].source, ReadingRules()).records[0].residues
    embed = bench.embedder.embed

    def choosy(sequences: Sequence[str]) -> torch.Tensor:
        if culprit in sequences:
            raise ValueError("no such residue")
        return embed(sequences)

    monkeypatch.setattr(bench.embedder, "embed", choosy)
    first, second, third = run_task(bench, task_of(0, *files)).files

    assert second.error == "cannot embed it: ValueError: no such residue"
    assert (first.error, first.sequences, third.error, third.sequences) == ("", 3, "", 3)
    assert not files[1].outputs[0].temporary.exists()
    assert board.progress_reports[-1].computed


def test_what_was_cut_replaced_and_skipped_is_counted_and_written(
    bench: WorkerContext, tmp_path: Path
) -> None:
    bench = replace(bench, setup=replace(bench.setup, reading=ReadingRules(max_length=5)))
    file = write_file(tmp_path, 0, sequences=1)
    file.source.write_text(">long\nMKVLAAG\n>empty\n\n>odd\nMJJ\n")
    file = with_fields(file, source_sha256=read_fasta(file.source, ReadingRules()).sha256)
    (result,) = run_task(bench, task_of(0, file)).files

    output = torch.load(file.outputs[0].temporary, weights_only=True)
    assert output["proteins"] == ["long", "odd"]
    metadata = output["metadata"]
    assert (metadata["truncated"], metadata["truncated_ids"]) == (1, ["long"])
    assert metadata["pooling"] == "mean over residues, BOS and EOS excluded"
    assert list(metadata) == sorted(metadata)
    assert (result.sequences, result.truncated, result.replaced, result.skipped) == (2, 1, 2, 1)
    assert result.written[0].bytes == file.outputs[0].temporary.stat().st_size


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        (EmbeddingSettings(batch_tokens=60), ("fp32", "packed")),
        (EmbeddingSettings(batch_tokens=60, precision="bf16"), ("bf16", "packed")),
        (EmbeddingSettings(batch_tokens=60, reference=True), ("fp32", "fair-esm")),
    ],
)
def test_an_output_tells_its_number_format_and_its_forward_pass(
    bench: WorkerContext, tmp_path: Path, settings: EmbeddingSettings, told: tuple[str, str]
) -> None:
    embedder = load_embedder(bench.setup.model, "cpu:0", 1, settings)
    bench = replace(bench, setup=replace(bench.setup, settings=settings), embedder=embedder)
    task = write_task(tmp_path, 0)
    run_task(bench, task)

    metadata = torch.load(task.files[0].outputs[0].temporary, weights_only=True)["metadata"]
    assert (metadata["precision"], metadata["forward"]) == told


def test_bad_files_fail_with_their_reason_and_the_others_of_the_bundle_are_written(
    bench: WorkerContext, tmp_path: Path
) -> None:
    nonsense, changed, missing, good = (write_file(tmp_path, number) for number in range(4))
    nonsense.source.write_text("no FASTA at all\n")
    changed.source.write_text(">p0\nMKV\n")
    missing.source.unlink()
    result = run_task(bench, task_of(0, nonsense, changed, missing, good))

    errors = [one.error for one in result.files]
    assert "line 1: not FASTA" in errors[0]
    assert errors[1] == "it changed since the scan"
    assert "No such file" in errors[2]
    assert errors[3] == ""
    assert list(tmp_path.glob("out/*.tmp")) == [good.outputs[0].temporary]


def test_an_output_that_cannot_be_written_fails_its_file(
    bench: WorkerContext, tmp_path: Path
) -> None:
    (tmp_path / "out").write_text("a file where the folder should be")
    (result,) = run_task(bench, write_task(tmp_path, 0)).files

    assert result.error == "cannot write its output: File exists"
    assert not result.disk_full


def test_a_full_disk_is_told_apart_from_what_a_file_is_to_blame_for(
    bench: WorkerContext, tmp_path: Path
) -> None:
    task = write_task(tmp_path, 0)
    task.files[0].outputs[0].temporary.parent.mkdir(parents=True)
    task.files[0].outputs[0].temporary.symlink_to("/dev/full")
    (result,) = run_task(bench, task).files

    assert result.disk_full
    assert result.error == "cannot write its output: No space left on device"
    assert not task.files[0].outputs[0].temporary.is_symlink()


@pytest.mark.parametrize(
    ("trouble", "reason"),
    [
        (MemoryError(), "not enough memory for any of its sequences, not even one at a time"),
        (ValueError("two\nlines"), "cannot embed it: ValueError: two lines"),
    ],
)
def test_what_goes_wrong_with_one_file_is_its_reason_in_one_line(
    bench: WorkerContext,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    trouble: Exception,
    reason: str,
) -> None:
    monkeypatch.setattr(bench.embedder, "embed", refusal(trouble))
    (result,) = run_task(bench, write_task(tmp_path, 0)).files

    assert reason in result.error
    assert "\n" not in result.error
    assert not list(tmp_path.glob("out/*"))


def test_a_file_that_does_not_fit_into_memory_names_the_limit_in_force(
    bench: WorkerContext, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("resource.getrlimit", lambda _: (1 << 29, 1 << 29))
    monkeypatch.setattr(bench.embedder, "embed", refusal(MemoryError()))
    (result,) = run_task(bench, write_task(tmp_path, 0)).files

    assert result.error.endswith("one at a time; `ulimit -v` allows a process 0.5 GiB")


def test_vectors_that_do_not_fit_into_memory_at_all_fail_their_file(
    bench: WorkerContext, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(UnitVectors, "__init__", refusal(MemoryError()))
    (result,) = run_task(bench, write_task(tmp_path, 0)).files

    assert result.error == f"cannot embed it: not enough memory{limit_note()}"


def test_a_sequence_that_does_not_fit_is_left_out_by_its_id_and_the_file_is_done(
    bench: WorkerContext, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
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
    (result,) = run_task(bench, task).files

    output = torch.load(task.files[0].outputs[0].temporary, weights_only=True)
    others = [record for record in records if record is not big]
    assert output["proteins"] == [record.id for record in others]
    for record, vector in zip(others, output["data"], strict=True):
        torch.testing.assert_close(vector, embed([record.residues])[0])
    assert output["metadata"]["failed_ids"] == [big.id]
    assert output["metadata"]["sequences"] == len(others)
    assert output["metadata"]["split_batches"] == 1
    assert (result.failed_ids, result.sequences, result.error) == ((big.id,), len(others), "")


def test_a_device_that_gave_up_takes_the_worker_down_instead_of_file_after_file(
    bench: WorkerContext, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trouble = RuntimeError("CUDA error: unspecified launch failure")
    monkeypatch.setattr(bench.embedder, "embed", refusal(trouble))

    with pytest.raises(RuntimeError, match="unspecified launch failure"):
        run_task(bench, write_task(tmp_path, 0))


def test_an_app_that_is_gone_is_no_fault_of_the_file(
    bench: WorkerContext, board: ListBoard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def hung_up(worker: object, progress: object) -> Directive:
        raise ConnectionResetError

    monkeypatch.setattr(board, "progress", hung_up)
    with pytest.raises(ConnectionResetError):
        run_task(bench, write_task(tmp_path, 0))


def test_a_pause_holds_at_the_batch_boundary_until_it_is_over(
    bench: WorkerContext, board: ListBoard, tmp_path: Path
) -> None:
    board.set_order(Directive.PAUSE)
    board.put(write_task(tmp_path, 0))
    with working(bench, board):
        board.wait_until(lambda: bool(board.paused))
        assert len(board.progress_reports) == 1
        assert not board.results
        board.set_order(Directive.CONTINUE)
        board.wait_until(lambda: bool(board.results))

    assert board.results[0].files[0].error == ""


def test_a_pause_after_the_last_batch_keeps_no_finished_file_back(
    bench: WorkerContext, board: ListBoard, tmp_path: Path
) -> None:
    board.set_order(Directive.PAUSE)
    board.put(write_task(tmp_path, 0, sequences=1))
    with working(bench, board):
        board.wait_until(lambda: bool(board.results))

    assert not board.paused


def test_a_task_taken_back_leaves_nothing_but_its_finished_batches(
    bench: WorkerContext, board: ListBoard, tmp_path: Path
) -> None:
    task = task_of(0, write_file(tmp_path, 0), write_file(tmp_path, 1))
    board.set_order(Directive.ABANDON)
    with pytest.raises(Abandoned):
        run_task(bench, task)

    assert list(tmp_path.glob("out/*")) == [task.partial]


def test_the_next_file_is_read_while_one_is_computed(
    bench: WorkerContext, board: ListBoard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = (write_task(tmp_path, number, sequences=1) for number in range(2))
    read: queue.SimpleQueue[Path] = queue.SimpleQueue()
    order: list[Path] = []

    def reading(path: Path, rules: ReadingRules, stretch: Stretch | None) -> FastaContent:
        read.put(path)
        return read_fasta(path, rules, stretch)

    embed = bench.embedder.embed

    def after_both_are_read(sequences: Sequence[str]) -> torch.Tensor:
        while len(order) < 2:
            order.append(read.get(timeout=DEADLINE_SECONDS))
        return embed(sequences)

    monkeypatch.setattr("tui_balancer.workers.task.read_ahead.read_fasta", reading)
    monkeypatch.setattr(bench.embedder, "embed", after_both_are_read)
    board.put(first, second)
    with working(bench, board):
        board.wait_until(lambda: len(board.results) == 2)

    assert order == [first.files[0].source, second.files[0].source]
    assert read.empty()


def test_an_output_is_written_while_the_next_file_is_computed(
    bench: WorkerContext, board: ListBoard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    computing = threading.Event()
    write = virnucpro.write

    def after_the_next_is_computed(*arguments: Any) -> Written:
        assert computing.wait(DEADLINE_SECONDS)
        return write(*arguments)

    monkeypatch.setattr(virnucpro, "write", after_the_next_is_computed)
    embed = bench.embedder.embed
    batches = itertools.count(1)

    def noticing(sequences: Sequence[str]) -> torch.Tensor:
        if next(batches) == 2:
            computing.set()
        return embed(sequences)

    monkeypatch.setattr(bench.embedder, "embed", noticing)
    board.put(*(write_task(tmp_path, number, sequences=1) for number in range(2)))
    with working(bench, board):
        board.wait_until(lambda: len(board.results) == 2)

    assert [result.unit_id for result in board.results] == [0, 1]


def test_a_worker_does_not_leave_before_everything_is_handed_in(
    bench: WorkerContext, board: ListBoard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    leaving = threading.Event()
    write = virnucpro.write

    def after_the_last_call(*arguments: Any) -> Written:
        assert leaving.wait(DEADLINE_SECONDS)
        return write(*arguments)

    take = board.take_nowait

    def noticing(worker: WorkerId) -> Task | None:
        task = take(worker)
        if task is None:
            leaving.set()
        return task

    monkeypatch.setattr(virnucpro, "write", after_the_last_call)
    monkeypatch.setattr(board, "take_nowait", noticing)
    board.put(write_task(tmp_path, 0))
    board.end()
    work_until_over(bench)

    assert [result.unit_id for result in board.results] == [0]


def test_a_worker_that_cannot_hand_in_a_result_ends(
    bench: WorkerContext, board: ListBoard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(board, "finish", refusal(RuntimeError("the app does not know that unit")))
    board.put(write_task(tmp_path, 0))

    with pytest.raises(RuntimeError, match="does not know that unit"):
        work_until_over(bench)


def test_a_file_that_was_moved_after_it_was_read_is_not_taken_for_another(
    bench: WorkerContext, board: ListBoard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, moved, other = (write_task(tmp_path, number) for number in range(3))
    peeked = threading.Event()
    peek = board.peek

    def and_move(worker: WorkerId) -> Task | None:
        task = peek(worker)
        if task is not None and task.unit_id == moved.unit_id:
            board.tasks.remove(moved)
        peeked.set()
        return task

    monkeypatch.setattr(board, "peek", and_move)
    embed = bench.embedder.embed

    def waiting(sequences: Sequence[str]) -> torch.Tensor:
        assert peeked.wait(DEADLINE_SECONDS)
        return embed(sequences)

    monkeypatch.setattr(bench.embedder, "embed", waiting)
    board.put(first, moved, other)
    with working(bench, board):
        board.wait_until(lambda: len(board.results) == 2)

    alone = run_task(bench, replace(other, unit_id=9))
    assert board.results[1].files == alone.files


def test_after_a_task_was_taken_back_the_next_one_is_taken(
    bench: WorkerContext, board: ListBoard, tmp_path: Path
) -> None:
    board.set_order(Directive.ABANDON)
    board.put(write_task(tmp_path, 0), write_task(tmp_path, 1))
    with working(bench, board):
        board.wait_until(lambda: not board.tasks and bool(board.idle))

    assert [task.unit_id for _, task in board.taken] == [0, 1]
    assert not board.results


def refusal(trouble: Exception) -> Refusal:
    """Return a stand-in for any function that always fails so."""

    def refuse(*arguments: object, **named: object) -> NoReturn:
        raise trouble

    return refuse


def neighbourly(sequences: Sequence[str]) -> torch.Tensor:
    """Stand for a device whose last bits depend on what else is in a batch."""
    rows = [[len(one) + sum(map(len, sequences)) / 1000] * 40 for one in sequences]
    return torch.tensor(rows)
