"""The scan: what is in every input, before any work is assigned.

Sequential on purpose: the parsing holds the interpreter lock, so threads gain nothing, and one
core reads far more in a second than a model embeds.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from tui_balancer.inputs.census import Census
from tui_balancer.inputs.counting import PlainCounts, count_plain
from tui_balancer.inputs.discovery import InputFile
from tui_balancer.inputs.fasta import FastaStream, InputError
from tui_balancer.inputs.records import ReadingRules
from tui_balancer.inputs.segments import Stretch, grouped, joint, joint_sha256, segments
from tui_balancer.inputs.windows import pieces

SPECIAL_TOKENS = 2
"""BOS and EOS, which the model reads with every sequence."""


@dataclass(frozen=True, slots=True)
class Shard:
    """What a shard of a large file holds; see `FileScan` for the counts.

    Attributes:
        stretch: Where it is.
        sha256: Of its segments, see `joint_sha256`.
    """

    stretch: Stretch
    sequences: int
    residues: int
    tokens: int
    squared_tokens: int
    sha256: str


@dataclass(frozen=True, slots=True)
class FileScan:
    """What one input holds; all counts are 0 when it has an error.

    Attributes:
        input: The file.
        sequences: Sequences that will be embedded.
        residues: Residues that will be embedded, after truncation.
        tokens: Sum over the sequences, or their windows, of the residues + 2 (BOS and EOS).
        squared_tokens: Sum of the squares of the same.
        truncated: Sequences cut at the maximum length.
        windowed: Sequences that go through the model in windows.
        left_out: Sequences left out for their length.
        replaced: Residues read as X.
        skipped: Empty sequences left out.
        duplicates: Sequences whose id got a suffix.
        sha256: Of the file's raw bytes; empty when it has an error.
        size_bytes: Of the file; 0 when it cannot be read.
        mtime_ns: Time of its last change, nanoseconds since the epoch.
        error: Why it cannot be used, in one line; empty when it can.
        segments: Its segments, if it has several.
        shards: What it is divided into, if it is.
    """

    input: InputFile
    sequences: int = 0
    residues: int = 0
    tokens: int = 0
    squared_tokens: int = 0
    truncated: int = 0
    replaced: int = 0
    skipped: int = 0
    duplicates: int = 0
    sha256: str = ""
    size_bytes: int = 0
    mtime_ns: int = 0
    error: str = ""
    windowed: int = 0
    left_out: int = 0
    segments: tuple[Stretch, ...] = ()
    shards: tuple[Shard, ...] = ()


class ScanStopped(Exception):
    """The scan of a file was asked to stop before its end."""


def scan(
    inputs: Sequence[InputFile],
    rules: ReadingRules,
    on_progress: Callable[[FileScan], None] | None = None,
    stop: threading.Event | None = None,
    census: Census | None = None,
    shard_bytes: int | None = None,
) -> tuple[FileScan, ...]:
    """Scan the inputs in their order.

    Args:
        inputs: What to scan.
        rules: How FASTA is read.
        on_progress: Called with every file's result as it is known.
        stop: Ends the scan early, also in the middle of a file.
        census: Notes what goes through the model, to find what is there several times.
        shard_bytes: Of the shards of larger files; None divides none.

    Returns:
        A result for every input, or for the first ones if `stop` was set.
    """
    scans: list[FileScan] = []
    for file in inputs:
        try:
            result = scan_file(file, rules, stop, census, shard_bytes)
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
    census: Census | None = None,
    shard_bytes: int | None = None,
) -> FileScan:
    """Count what is in one file; a bad file is a result with an error.

    The census gets an end for each segment of a file that has several.

    Raises:
        ScanStopped: `stop` was set before the end of the file.
    """
    result = _counted(file, rules, stop, census)
    if not result.error and result.size_bytes > rules.segment_bytes:
        return _divided(result, rules, stop, census, shard_bytes)
    if census is not None:
        census.end_file(usable=not result.error)
    return result


def _divided(
    whole: FileScan,
    rules: ReadingRules,
    stop: threading.Event | None,
    census: Census | None,
    shard_bytes: int | None,
) -> FileScan:
    """Count what is in the segments of a good file, if it has several, and in its shards."""
    size = shard_bytes if shard_bytes is not None else whole.size_bytes
    ended = len(census.ends) if census is not None else 0
    counts: list[Shard] = []
    try:
        cuts = segments(whole.input.path, rules.segment_bytes)
        if cuts and (census is not None or size < whole.size_bytes):
            if census is not None:
                census.forget_file()
            counts = [_segment(whole.input, cut, rules, stop, census) for cut in cuts]
        elif census is not None:
            census.end_file(usable=True)
        status = whole.input.path.stat()
        same = (status.st_size, status.st_mtime_ns) == (whole.size_bytes, whole.mtime_ns)
    except (InputError, OSError):
        same = False
    if not same:
        if census is not None:
            census.forget_files(ended)
            census.end_file(usable=False)
        return FileScan(
            whole.input,
            size_bytes=whole.size_bytes,
            mtime_ns=whole.mtime_ns,
            error="it changed while it was read",
        )
    shards = [_joint(group) for group in grouped(counts, size, rules.segment_bytes)]
    return replace(whole, segments=cuts, shards=tuple(shards) if len(shards) > 1 else ())


def _counted(
    file: InputFile, rules: ReadingRules, stop: threading.Event | None, census: Census | None
) -> FileScan:
    size_bytes = mtime_ns = 0
    path = file.path
    try:
        # Taken before the reading, so that a change during it shows as a newer time.
        status = path.stat()
        size_bytes, mtime_ns = status.st_size, status.st_mtime_ns
        plain = count_plain(path, rules, SPECIAL_TOKENS, census, lambda: _go_on(stop))
        if plain is not None:
            return _plain_scan(file, plain, size_bytes, mtime_ns)
        stream = FastaStream(path, rules)
        found = _streamed(stream, rules, stop, census)
    except InputError as error:
        return FileScan(file, size_bytes=size_bytes, mtime_ns=mtime_ns, error=str(error))
    except OSError as error:
        return FileScan(file, error=f"cannot be read: {error.strerror or error}")
    return FileScan(
        input=file,
        sequences=found.sequences,
        residues=found.residues,
        tokens=found.tokens,
        squared_tokens=found.squared_tokens,
        truncated=found.truncated,
        replaced=found.replaced,
        skipped=stream.skipped,
        duplicates=stream.duplicates,
        sha256=found.sha256,
        size_bytes=size_bytes,
        mtime_ns=mtime_ns,
        windowed=found.windowed,
        left_out=stream.left_out,
    )


def _segment(
    file: InputFile,
    stretch: Stretch,
    rules: ReadingRules,
    stop: threading.Event | None,
    census: Census | None,
) -> Shard:
    """Count what is in a segment, which ends as a file of its own in the census."""

    found: PlainCounts | _Streamed | None = count_plain(
        file.path, rules, SPECIAL_TOKENS, census, lambda: _go_on(stop), stretch
    )
    if found is None:
        found = _streamed(FastaStream(file.path, rules, stretch), rules, stop, census)
    if census is not None:
        census.end_file(usable=True)
    return Shard(
        stretch,
        found.sequences,
        found.residues,
        found.tokens,
        found.squared_tokens,
        found.sha256,
    )


@dataclass(slots=True)
class _Streamed:
    """What was read record by record; see `FileScan`."""

    sequences: int = 0
    residues: int = 0
    tokens: int = 0
    squared_tokens: int = 0
    truncated: int = 0
    replaced: int = 0
    windowed: int = 0
    sha256: str = ""


def _streamed(
    stream: FastaStream, rules: ReadingRules, stop: threading.Event | None, census: Census | None
) -> _Streamed:
    """Count the records of a file or a stretch of it, and note their pieces."""
    found = _Streamed()
    for record in stream:
        _go_on(stop)
        found.sequences += 1
        found.residues += len(record.residues)
        for number, piece in enumerate(pieces(record.residues, rules)):
            found.tokens += len(piece) + SPECIAL_TOKENS
            found.squared_tokens += (len(piece) + SPECIAL_TOKENS) ** 2
            found.windowed += number == 1
            if census is not None:
                census.add(piece.encode(), first=number == 0)
        found.truncated += record.truncated
        found.replaced += record.replaced
    found.sha256 = stream.sha256
    return found


def _go_on(stop: threading.Event | None) -> None:
    """Raise ScanStopped where the scan is to end."""
    if stop is not None and stop.is_set():
        raise ScanStopped


def _joint(counts: Sequence[Shard]) -> Shard:
    """Return what neighbouring segments hold together."""
    return Shard(
        joint([one.stretch for one in counts]),
        sum(one.sequences for one in counts),
        sum(one.residues for one in counts),
        sum(one.tokens for one in counts),
        sum(one.squared_tokens for one in counts),
        joint_sha256(one.sha256 for one in counts),
    )


def _plain_scan(file: InputFile, counts: PlainCounts, size_bytes: int, mtime_ns: int) -> FileScan:
    return FileScan(
        input=file,
        sequences=counts.sequences,
        residues=counts.residues,
        tokens=counts.tokens,
        squared_tokens=counts.squared_tokens,
        truncated=counts.truncated,
        skipped=counts.skipped,
        duplicates=counts.duplicates,
        sha256=counts.sha256,
        size_bytes=size_bytes,
        mtime_ns=mtime_ns,
        windowed=counts.windowed,
        left_out=counts.left_out,
    )
