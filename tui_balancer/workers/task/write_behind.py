"""Writes outputs in the background, so that the device does not wait for the disk."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Final

from tui_balancer.inputs.text import terminal_safe
from tui_balancer.outputs.atomic import remove
from tui_balancer.outputs.content import Content
from tui_balancer.outputs.formats import writer
from tui_balancer.outputs.sealing import sync
from tui_balancer.workers.task.failures import DiskFull, FileFailure, blaming_the_file
from tui_balancer.workers.task.results import EmbeddedTask, Writable
from tui_balancer.workers.wire.protocol import FileResult, FileTask, TaskResult
from tui_balancer.workers.wire.queues import WorkQueue

_log = logging.getLogger(__name__)

_STEP: Final = "write its output"


class WriteBehind:
    """Writes and returns one task in a thread while the next one is computed.

    One task at a time, so that the vectors of at most two are in memory.
    """

    def __init__(self, queue: WorkQueue) -> None:
        self._queue = queue
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="write-behind")
        self._writing: Future[None] | None = None

    def write(self, embedded: EmbeddedTask) -> None:
        """Start writing a task's outputs, after the previous ones are written.

        Raises:
            Exception: Returning the previous task failed; the worker cannot continue.
        """
        self.wait()
        self._writing = self._writer.submit(self._write, embedded)

    def check(self) -> None:
        """Raise the error of the last written task, if any; does not wait."""
        if self._writing is not None and self._writing.done():
            self.wait()

    def wait(self) -> None:
        """Wait until every task is returned.

        Raises:
            Exception: Returning a task failed; the worker cannot continue.
        """
        if self._writing is not None:
            self._writing.result()
            self._writing = None

    def close(self) -> None:
        """End the thread after its current task."""
        self._writer.shutdown()

    def _write(self, embedded: EmbeddedTask) -> None:
        self._queue.finish(write_outputs(embedded))


def write_outputs(embedded: EmbeddedTask) -> TaskResult:
    """Write and sync the outputs of a task; the app puts them in place.

    All are written before the first is synced: a disk takes many small files in the time of one.
    A failed write is a result with the reason.
    """
    folders: set[Path] = set()
    written = [_result(file, partial(_written, file, folders)) for file in embedded.files]
    results = tuple(
        one if one.error else _result(file, partial(_synced, file.task, one))
        for file, one in zip(embedded.files, written, strict=True)
    )
    if embedded.keep is not None:
        embedded.keep()
    return TaskResult(embedded.task.unit_id, embedded.task.epoch, results, embedded.compute_seconds)


def _result(file: Writable, step: Callable[[], FileResult]) -> FileResult:
    """Return the result of a step of a file, which may fail it."""
    task = file.task
    try:
        return step()
    except FileFailure as failure:
        name = terminal_safe(str(task.source))
        _log.warning("%s: %s", name, failure, exc_info=failure.__cause__)
        # If possible: the app cleans up after all workers.
        for output in task.outputs:
            with contextlib.suppress(OSError):
                remove(output.temporary)
        return FileResult(
            task.file_id,
            error=str(failure),
            disk_full=isinstance(failure, DiskFull),
            cause=failure.cause,
        )


def _written(file: Writable, folders: set[Path]) -> FileResult:
    """Write the outputs of a file; `folders` are those that exist."""
    task, content = file.task, file.content()
    failed_ids = _ids(content, "failed_ids")
    if failed_ids:
        _log.warning("not enough memory for %s", terminal_safe(" ".join(failed_ids)))
    with blaming_the_file(_STEP):
        folder = task.outputs[0].temporary.parent
        if folder not in folders:
            folder.mkdir(parents=True, exist_ok=True)
            folders.add(folder)
        written = tuple(writer(one.format).write(one.temporary, content) for one in task.outputs)
    return FileResult(
        task.file_id,
        written=written,
        sequences=len(content.entries),
        truncated=_count(content, "truncated"),
        replaced=_count(content, "replaced"),
        skipped=_count(content, "skipped"),
        failed_ids=failed_ids,
    )


def _synced(task: FileTask, written: FileResult) -> FileResult:
    with blaming_the_file(_STEP):
        for one in task.outputs:
            sync(one.temporary)
    return written


def _count(content: Content, name: str) -> int:
    count = content.metadata[name]
    assert isinstance(count, int), f"{name} is a count"
    return count


def _ids(content: Content, name: str) -> tuple[str, ...]:
    ids = content.metadata[name]
    assert isinstance(ids, list), f"{name} is a list"
    return tuple(map(str, ids))
