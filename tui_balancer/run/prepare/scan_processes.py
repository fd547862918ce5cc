"""The scan of large inputs by several processes, one a core.

Threads lose, see `inputs.scan`. This process scans too, so nothing waits for others to start. Each
scans a slice of the inputs at a time. What they find is joined in the order of the inputs, so the
result is the same as that of one process.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Collection, Generator, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from multiprocessing import connection
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess

from tui_balancer.devices.processor import usable_cores
from tui_balancer.inputs.blocks import divider
from tui_balancer.inputs.duplicates import DuplicateIndex
from tui_balancer.inputs.finding.discovery import InputFile
from tui_balancer.inputs.records import ReadingRules
from tui_balancer.inputs.scan import FileScan, scan
from tui_balancer.notices import NoticeKind, Notices
from tui_balancer.run.prepare.scanner import SliceRules, SliceScan, scan_slice, serve
from tui_balancer.workers.process.spawning import spawn

WORTH_BYTES = 256 << 20
"""Of inputs that several processes scan: two take 0.67 of the time of one; of 64 MiB, as much."""

MOST_PROCESSES = 8
"""More were never measured, and may wait for the storage."""

_SLICE_BYTES = 16 << 20
"""Of inputs that a process scans at a time."""

_FILE_BYTES = 32 << 10
"""What every file counts in addition to its size: opening it takes as long as reading that."""

_STOP_SECONDS = 0.1
"""Between two looks whether to stop."""

_Slice = tuple[int, Sequence[InputFile]]

_log = logging.getLogger(__name__)


def scan_on_cores(
    inputs: Sequence[InputFile],
    rules: ReadingRules,
    on_progress: Callable[[FileScan], None] | None = None,
    stop: threading.Event | None = None,
    duplicate_index: DuplicateIndex | None = None,
    shard_bytes: int | None = None,
    notices: Notices | None = None,
    processes: int | None = None,
) -> tuple[FileScan, ...]:
    """Scan inputs as `scan` does, by several processes if that is faster.

    If one that was started ends early, this one scans what is left.

    Args:
        processes: Their number, this one included; None chooses it by the cores that may be used.
    """
    if processes is None:
        processes = suitable_processes(inputs, duplicate_index)
    notices = notices if notices is not None else Notices()
    scans: list[FileScan] = []
    if processes > 1:
        common = SliceRules(rules, shard_bytes, duplicate_index is not None)
        with closing(_found(inputs, common, processes, stop, notices)) as parts:
            for found in parts:
                notices.join(found.notices)
                if duplicate_index is not None and found.index is not None:
                    duplicate_index.join(found.index)
                for one in found.scans:
                    file = inputs[len(scans)]
                    # Its name is in memory already.
                    scans.append(one if one.input is file else replace(one, input=file))
                    if on_progress is not None:
                        on_progress(scans[-1])
    if stop is None or not stop.is_set():
        rest = inputs[len(scans) :]
        scans += scan(rest, rules, on_progress, stop, duplicate_index, shard_bytes, notices)
    return tuple(scans)


def suitable_processes(inputs: Sequence[InputFile], index: DuplicateIndex | None) -> int:
    """Return how many processes scan inputs in the shortest time."""
    cores = min(usable_cores(), MOST_PROCESSES)
    alone = index is not None and index.known is not None
    if cores < 2 or alone or not divider().portable:
        return 1
    total = 0
    for file in inputs:
        total += _weight(file)
        if total >= WORTH_BYTES:
            return cores
    return 1


def _weight(file: InputFile) -> int:
    try:
        return _FILE_BYTES + os.stat(file.source).st_size  # noqa: PTH116 - there may be a million
    except OSError:
        return _FILE_BYTES


def _slices(inputs: Sequence[InputFile]) -> Iterator[Sequence[InputFile]]:
    """Yield the inputs in slices of about `_SLICE_BYTES`."""
    begin = weight = 0
    for number, file in enumerate(inputs, start=1):
        weight += _weight(file)
        if weight >= _SLICE_BYTES or number == len(inputs):
            yield inputs[begin:number]
            begin, weight = number, 0


class _Work:
    """The slices, by their numbers from 0, and what was found in them; threads share it.

    Attributes:
        begun: How many slices there are so far; all of them once `take` has returned None.
        done: What was found in slices.
        news: Set when `done` grows, or a slice was returned.
        known: Kinds of notices of which the first slices have enough examples.
    """

    def __init__(self, inputs: Sequence[InputFile]) -> None:
        self.begun = 0
        self.done: dict[int, SliceScan] = {}
        self.news = threading.Event()
        self.known: Collection[NoticeKind] = ()
        self._following = enumerate(_slices(inputs))
        self._returned: list[_Slice] = []
        self._lock = threading.Lock()

    def take(self) -> _Slice | None:
        """Return a slice that nobody scans; None if there is none."""
        with self._lock:
            if self._returned:
                _log.warning("a process that scanned has ended; others scan what it left")
                return self._returned.pop()
            slice_ = next(self._following, None)
            self.begun += slice_ is not None
            return slice_

    def relay(self, channel: Connection) -> None:
        """Let a process scan, until no slice is left or it ends."""
        with suppress(EOFError, OSError):
            # It is ready. Slices do not wait for it.
            channel.recv()
            while (slice_ := self.take()) is not None:
                number, inputs = slice_
                try:
                    channel.send((inputs, self.known))
                    self.done[number] = channel.recv()
                except BaseException:
                    with self._lock:
                        self._returned.append(slice_)
                    raise
                finally:
                    self.news.set()


def _found(
    inputs: Sequence[InputFile],
    rules: SliceRules,
    processes: int,
    stop: threading.Event | None,
    notices: Notices,
) -> Generator[SliceScan, None, None]:
    """Yield what is found in the slices, in order; of the processes, this is one.

    Args:
        notices: What was found in the slices that were yielded.
    """
    work, following = _Work(inputs), 0

    def stopped() -> bool:
        return stop is not None and stop.is_set()

    with _scanners(processes - 1, rules, work):
        while not stopped():
            if (slice_ := work.take()) is not None:
                number, part = slice_
                work.done[number] = scan_slice(part, work.known, rules, stop)
            elif following == work.begun:
                return
            else:
                work.news.wait(_STOP_SECONDS)
                work.news.clear()
            while following in work.done and not stopped():
                yield work.done.pop(following)
                work.known = notices.known()
                following += 1


@contextmanager
def _scanners(processes: int, rules: SliceRules, work: _Work) -> Iterator[None]:
    """Start processes that scan, each with a thread that relays; end all when the block ends.

    A system that refuses them starts fewer.
    """
    started: list[tuple[SpawnProcess, Connection]] = []
    relays: list[threading.Thread] = []
    try:
        # Python says RuntimeError where the system refuses a thread.
        with suppress(OSError, RuntimeError):
            for _ in range(processes):
                ours, theirs = connection.Pipe()
                started.append((spawn(serve, (rules, theirs), name="scan"), ours))
                theirs.close()
                relay = threading.Thread(target=work.relay, args=(ours,), name="scan-relay")
                relay.start()
                relays.append(relay)
        yield
    finally:
        for process, _ in started:
            process.kill()
        for relay in relays:
            relay.join()
        for process, channel in started:
            process.join()
            channel.close()
