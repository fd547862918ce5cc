"""Reads the next task's files ahead, so that the device does not wait for the parser."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from tui_balancer.failures import FailureCause
from tui_balancer.inputs.content import FastaContent, read_fasta
from tui_balancer.inputs.records import ProteinRecord, ReadingRules
from tui_balancer.workers.task.failures import FileFailure, blaming_the_file
from tui_balancer.workers.wire.protocol import FileTask, Task
from tui_balancer.workers.wire.queues import WorkQueue

READ_AHEAD_BYTES = 64 << 20
"""Maximum total bytes to read ahead: files take up to three times their size in memory, and for
larger ones the seconds of reading are small next to the embedding."""


@dataclass(frozen=True, slots=True)
class ReadFile:
    """One file of a task.

    Attributes:
        content: Its content; None if it is unusable or in shards.
        failure: Why it is unusable.
    """

    task: FileTask
    content: FastaContent | None
    failure: FileFailure | None = None

    @property
    def records(self) -> tuple[ProteinRecord, ...]:
        """Its sequences; none if it is unusable."""
        return self.content.records if self.content is not None else ()

    @property
    def segments(self) -> tuple[int, ...]:
        """Start of each segment among its sequences; empty for a small file."""
        return self.content.segments if self.content is not None else ()


def read_files(files: Iterable[FileTask], rules: ReadingRules) -> tuple[ReadFile, ...]:
    """Read a task's files; each must be unchanged since the scan."""
    return tuple(_read(file, rules) for file in files)


def _read(file: FileTask, rules: ReadingRules) -> ReadFile:
    if file.shards:
        return ReadFile(file, None)
    try:
        with blaming_the_file("read it", FailureCause.UNREADABLE):
            content = read_fasta(file.source, rules, file.stretch)
        if content.sha256 != file.source_sha256:
            raise FileFailure("it changed since the scan", FailureCause.CHANGED)
    except FileFailure as failure:
        return ReadFile(file, None, failure)
    return ReadFile(file, content)


FirstBatch = Callable[[Task, Sequence[ProteinRecord]], tuple[list[str], ...]]
"""Takes a task and its records; returns its first batch, if known."""


class ReadAhead:
    """Reads the files of the probable next task while the current one is embedded.

    It only peeks at the queue and takes nothing. If another task comes instead, because the
    guess was stolen or moved, that one is read on arrival.
    """

    def __init__(
        self, queue: WorkQueue, rules: Callable[[Task], ReadingRules], first_batch: FirstBatch
    ) -> None:
        """Take the source of tasks, how the files of each are read, and its first batch."""
        self._queue = queue
        self._rules = rules
        self._first_batch = first_batch
        self._first: tuple[list[str], ...] = ()
        self._reader = ThreadPoolExecutor(1, thread_name_prefix="read-ahead")
        self._guess: Future[tuple[ReadFile, ...]] | None = None

    def begin(self) -> None:
        """Start reading the probable next task; return at once."""
        self._guess = self._reader.submit(self._read_next)

    def files(self, task: Task) -> tuple[ReadFile, ...]:
        """Return a task's files, read ahead if the guess was right.

        Raises:
            OSError: The app is gone.
        """
        guess, self._guess = self._guess, None
        read = guess.result() if guess is not None else ()
        rules = self._rules(task)
        if [_identity(one.task) for one in read] != [_identity(file) for file in task.files]:
            return read_files(task.files, rules)
        return tuple(
            # A file that failed ahead of time is read again in its turn.
            ReadFile(file, one.content) if one.content is not None else _read(file, rules)
            for one, file in zip(read, task.files, strict=True)
        )

    def first_batch(self) -> tuple[list[str], ...]:
        """Return the first batch of the guess, if it is read, for submission ahead of time.

        If another task or another first batch comes, this work is wasted.
        """
        if self._guess is None or not self._guess.done():
            return ()
        return self._first

    def close(self) -> None:
        """Wait for the current reading, and read no more."""
        self._reader.shutdown()

    def _read_next(self) -> tuple[ReadFile, ...]:
        self._first = ()
        task = self._queue.peek()
        if task is None or not _is_small(task):
            return ()
        files = read_files(task.files, self._rules(task))
        if not any(file.segments for file in files):
            self._first = self._first_batch(task, [one for file in files for one in file.records])
        return files


def _is_small(task: Task) -> bool:
    try:
        return sum(map(_bytes_to_read, task.files)) <= READ_AHEAD_BYTES
    except OSError:
        return False


def _bytes_to_read(file: FileTask) -> int:
    if file.stretch is not None:
        return file.stretch.size
    return 0 if file.shards else file.source.stat().st_size


def _identity(file: FileTask) -> tuple[int, str]:
    return file.file_id, file.source_sha256
