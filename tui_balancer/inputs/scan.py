"""The scan: what is in every input, before any work is assigned.

Sequential: threads lose. Compiled blocks are divided without the interpreter lock, but what is left
takes it so often that two threads on two free cores scanned at 0.8 times the rate of one. Several
processes scan large inputs, see `run.prepare.scan_processes`.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from operator import attrgetter

from tui_balancer.failures import FailureCause
from tui_balancer.inputs.counting import count_plain
from tui_balancer.inputs.counts import NOTHING, Counted, Counts, Shard
from tui_balancer.inputs.duplicates import DuplicateIndex
from tui_balancer.inputs.examples import report
from tui_balancer.inputs.fasta import FastaStream
from tui_balancer.inputs.finding.discovery import InputFile
from tui_balancer.inputs.findings import Findings
from tui_balancer.inputs.locating import InputError
from tui_balancer.inputs.records import ReadingRules
from tui_balancer.inputs.segments import Stretch, bounds, grouped, joint, joint_sha256, segments
from tui_balancer.inputs.windows import pieces
from tui_balancer.notices import Notices


@dataclass(frozen=True, slots=True)
class FileScan:
    """What the scan found in one input.

    Attributes:
        counts: What it holds; nothing when it has an error.
        sha256: Of the file's raw bytes; empty when it has an error.
        size_bytes: Of the file; 0 when it cannot be read.
        mtime_ns: Time of its last change, nanoseconds since the epoch.
        error: Why it cannot be used, in one line; empty when it can.
        cause: What kind of error that is.
        segments: Its segments, if it has several.
        shards: What it is divided into, if it is.
    """

    input: InputFile
    counts: Counts = NOTHING
    sha256: str = ""
    size_bytes: int = 0
    mtime_ns: int = 0
    error: str = ""
    segments: tuple[Stretch, ...] = ()
    shards: tuple[Shard, ...] = ()
    cause: FailureCause = FailureCause.NONE

    def __reduce__(self) -> tuple[type[FileScan], tuple[object, ...]]:
        # A dataclass with slots takes many times as long to pickle.
        return FileScan, _values(self)


_values = attrgetter(*(field.name for field in fields(FileScan)))

_NOTHING_COUNTED = Counted(NOTHING, "", Findings())
"""Of a file that cannot be used."""


class ScanStopped(Exception):
    """The scan of a file was asked to stop before its end."""


def scan(
    inputs: Sequence[InputFile],
    rules: ReadingRules,
    on_progress: Callable[[FileScan], None] | None = None,
    stop: threading.Event | None = None,
    duplicate_index: DuplicateIndex | None = None,
    shard_bytes: int | None = None,
    notices: Notices | None = None,
) -> tuple[FileScan, ...]:
    """Scan the inputs in their order.

    Args:
        on_progress: Called with every file's result as it is known.
        stop: Ends the scan early, also in the middle of a file.
        duplicate_index: Notes what goes through the model, to find what is there several times.
        shard_bytes: Of the shards of larger files; None divides none.
        notices: Adds up what is odd about the files that can be used.

    Returns:
        A result for every input, or for the first ones if `stop` was set.
    """
    scans: list[FileScan] = []
    for file in inputs:
        try:
            result = scan_file(file, rules, stop, duplicate_index, shard_bytes, notices)
        except ScanStopped:
            break
        scans.append(result)
        if on_progress is not None:
            on_progress(result)
    return tuple(scans)


def scan_file(
    file: InputFile,
    rules: ReadingRules,
    stop: threading.Event | None = None,
    duplicate_index: DuplicateIndex | None = None,
    shard_bytes: int | None = None,
    notices: Notices | None = None,
) -> FileScan:
    """Count what is in one file; a bad file is a result with an error.

    The index gets an end for each segment of a file that has several.

    Raises:
        ScanStopped: `stop` was set before the end of the file.
    """
    scanner = _Scanner(file, rules, stop, duplicate_index)
    result, found = scanner.whole()
    if not result.error and result.size_bytes > rules.segment_bytes:
        result = scanner.divided(result, found.segments, shard_bytes)
    elif duplicate_index is not None:
        duplicate_index.end_file(usable=not result.error)
    if not result.error and notices is not None:
        report(file, result.counts, found.findings, notices)
    return result


@dataclass(slots=True)
class _Scanner:
    """Counts what is in one file."""

    file: InputFile
    rules: ReadingRules
    stop: threading.Event | None
    duplicate_index: DuplicateIndex | None

    def whole(self) -> tuple[FileScan, Counted]:
        """Count what is in the file as a whole, and in its segments if it is plain."""
        file, size_bytes, mtime_ns = self.file, 0, 0
        try:
            # Taken before the reading, so that a change during it shows as a newer time.
            status = os.stat(file.source)  # noqa: PTH116 - there may be a million
            size_bytes, mtime_ns = status.st_size, status.st_mtime_ns
            large = size_bytes > self.rules.segment_bytes
            found = self._counted(bounds(file.path, self.rules.segment_bytes) if large else ())
        except InputError as error:
            bad = FileScan(
                file,
                size_bytes=size_bytes,
                mtime_ns=mtime_ns,
                error=str(error),
                cause=error.cause,
            )
            return bad, _NOTHING_COUNTED
        except OSError as error:
            text = f"cannot be read: {error.strerror or error}"
            return FileScan(file, error=text, cause=FailureCause.UNREADABLE), _NOTHING_COUNTED
        return FileScan(file, found.counts, found.sha256, size_bytes, mtime_ns), found

    def divided(self, whole: FileScan, known: Sequence[Shard], shard_bytes: int | None) -> FileScan:
        """Count what is in the segments of a good file, if it has several, and in its shards.

        Args:
            known: What is in its segments, if they were counted along with it.
        """
        index, path = self.duplicate_index, self.file.path
        size = shard_bytes if shard_bytes is not None else whole.size_bytes
        ended = len(index.ends) - len(known) if index is not None else 0
        cuts, found = tuple(one.stretch for one in known), known
        try:
            if not known:
                cuts, found = self._segments(counted=index is not None or size < whole.size_bytes)
            status = path.stat()
            same = (status.st_size, status.st_mtime_ns) == (whole.size_bytes, whole.mtime_ns)
        except (InputError, OSError):
            same = False
        if not same:
            if index is not None:
                index.forget_files(ended)
                index.end_file(usable=False)
            return FileScan(
                self.file,
                size_bytes=whole.size_bytes,
                mtime_ns=whole.mtime_ns,
                error="it changed while it was read",
                cause=FailureCause.CHANGED,
            )
        shards = [_joint(group) for group in grouped(found, size, self.rules.segment_bytes)]
        return replace(whole, segments=cuts, shards=tuple(shards) if len(shards) > 1 else ())

    def _segments(self, *, counted: bool) -> tuple[tuple[Stretch, ...], Sequence[Shard]]:
        """Return the segments of a file that was counted whole, and what is in each if asked."""
        index = self.duplicate_index
        cuts = segments(self.file.path, self.rules.segment_bytes)
        if cuts and counted:
            if index is not None:
                index.forget_file()
            return cuts, [self._segment(cut) for cut in cuts]
        if index is not None:
            index.end_file(usable=True)
        return cuts, ()

    def _segment(self, stretch: Stretch) -> Shard:
        """Count what is in a segment, which is a file in the index."""
        found = self._counted(stretch=stretch)
        if self.duplicate_index is not None:
            self.duplicate_index.end_file(usable=True)
        return Shard(stretch, found.counts, found.sha256)

    def _counted(self, cuts: Sequence[int] = (), stretch: Stretch | None = None) -> Counted:
        """Count what is in the file or a stretch of it, and note its pieces; see `count_plain`."""
        file, rules = self.file, self.rules
        plain = count_plain(
            file.source, rules, self.duplicate_index, self._check_stop, stretch, cuts
        )
        return plain or self._streamed(FastaStream(file.path, rules, stretch))

    def _streamed(self, stream: FastaStream) -> Counted:
        """Count record by record."""
        alphabet = self.rules.alphabet
        sequences = residues = tokens = squared_tokens = 0
        for record in stream:
            self._check_stop()
            sequences += 1
            residues += len(record.residues)
            for number, piece in enumerate(pieces(record.residues, self.rules)):
                own = alphabet.tokens(len(piece))
                tokens += own
                squared_tokens += own**2
                if self.duplicate_index is not None:
                    self.duplicate_index.add(piece.encode(), first=number == 0)
        counts = Counts(sequences, residues, tokens, squared_tokens, stream.duplicates)
        return Counted(counts, stream.sha256, stream.findings)

    def _check_stop(self) -> None:
        if self.stop is not None and self.stop.is_set():
            raise ScanStopped


def _joint(parts: Sequence[Shard]) -> Shard:
    """Return what neighbouring segments hold together."""
    return Shard(
        joint([one.stretch for one in parts]),
        sum((one.counts for one in parts), NOTHING),
        joint_sha256(one.sha256 for one in parts),
    )
