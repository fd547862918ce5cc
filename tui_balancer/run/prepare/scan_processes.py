"""The scan of large inputs by several processes, one a core.

Threads lose, see `inputs.scan`. Each process scans a slice of the inputs at a time. What they find
is joined in the order of the inputs, so the result is the same as that of one process.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, replace
from multiprocessing import connection
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from pathlib import Path

from tui_balancer.devices.processor import usable_cores
from tui_balancer.inputs.blocks import divider
from tui_balancer.inputs.duplicates import DuplicateIndex
from tui_balancer.inputs.finding.discovery import InputFile
from tui_balancer.inputs.records import ReadingRules
from tui_balancer.inputs.scan import FileScan, scan
from tui_balancer.notices import Notices
from tui_balancer.workers.process.detach import detach
from tui_balancer.workers.process.spawning import spawn

WORTH_BYTES = 1 << 30
"""Of inputs that several processes scan: two take 0.7 of the time of one, their start included."""

MOST_PROCESSES = 8
"""More were never measured, and may wait for the storage."""

_SLICE_BYTES = 16 << 20
"""Of inputs that a process scans at a time."""

_FILE_BYTES = 64 << 10
"""What every file counts in addition to its size: opening it takes as long as reading that."""

_STOP_SECONDS = 0.1
"""Between two looks whether to stop."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Rules:
    """What is the same for all slices; see `scan`."""

    reading: ReadingRules
    shard_bytes: int | None
    indexed: bool


@dataclass(frozen=True, slots=True)
class _Found:
    """What was found in a slice; the index is None if none is wanted."""

    scans: tuple[FileScan, ...]
    notices: Notices
    index: DuplicateIndex | None


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

    If a process ends early, this one scans what is left.

    Args:
        processes: Their number; None chooses it by the cores that this process may use.
    """
    if processes is None:
        processes = suitable_processes(inputs, duplicate_index)
    scans: list[FileScan] = []
    if processes > 1:
        common = _Rules(rules, shard_bytes, duplicate_index is not None)
        with closing(_found(inputs, common, processes, stop)) as parts:
            for found in parts:
                if notices is not None:
                    notices.join(found.notices)
                if duplicate_index is not None and found.index is not None:
                    duplicate_index.join(found.index)
                for one in found.scans:
                    # The name is in memory already.
                    scans.append(replace(one, input=inputs[len(scans)]))
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


def _found(
    inputs: Sequence[InputFile], rules: _Rules, processes: int, stop: threading.Event | None
) -> Generator[_Found, None, None]:
    """Yield what processes find in the slices, in order; stop early if one of them ends."""
    slices = enumerate(_slices(inputs))
    done: dict[int, _Found] = {}
    at_work: dict[Connection, int] = {}
    following = 0

    def give(channel: Connection) -> None:
        number, part = next(slices, (0, ()))
        at_work.pop(channel, None)
        if part:
            channel.send(part)
            at_work[channel] = number

    def stopped() -> bool:
        return stop is not None and stop.is_set()

    with _scanners(processes, rules) as channels:
        try:
            for channel in channels:
                give(channel)
            while at_work and not stopped():
                for one in connection.wait(list(at_work), _STOP_SECONDS):
                    assert isinstance(one, Connection)
                    done[at_work[one]] = one.recv()
                    give(one)
                while following in done and not stopped():
                    yield done.pop(following)
                    following += 1
        except (EOFError, OSError):
            _log.warning("a process that scanned has ended; this one scans what is left")


@contextmanager
def _scanners(processes: int, rules: _Rules) -> Iterator[list[Connection]]:
    """Start processes that scan; end all of them when the block ends.

    A system that refuses them starts fewer.
    """
    started: list[tuple[Connection, SpawnProcess]] = []
    try:
        with suppress(OSError):
            for _ in range(processes):
                ours, theirs = connection.Pipe()
                started.append((ours, spawn(_serve, (rules, theirs), name="scan")))
                theirs.close()
        yield [channel for channel, _ in started]
    finally:
        for channel, process in started:
            process.kill()
            process.join()
            channel.close()


def _serve(rules: _Rules, channel: Connection) -> None:
    """Scan the slices that come; the entry point of a process."""
    detach(Path(os.devnull))
    # Hashes that another process could not compare would be wrong.
    while divider().portable:
        try:
            inputs = channel.recv()
        except EOFError:
            return
        index, notices = DuplicateIndex() if rules.indexed else None, Notices()
        scans = scan(inputs, rules.reading, None, None, index, rules.shard_bytes, notices)
        channel.send(_Found(scans, notices, index))
