"""A process that scans slices of the inputs for another one; see `scan_processes`."""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING

from tui_balancer.inputs.records import ReadingRules
from tui_balancer.notices import NoticeKind, Notices
from tui_balancer.workers.process.detach import detach

if TYPE_CHECKING:
    import threading

    from tui_balancer.inputs.duplicates import DuplicateIndex
    from tui_balancer.inputs.finding.discovery import InputFile
    from tui_balancer.inputs.scan import FileScan


@dataclass(frozen=True, slots=True)
class SliceRules:
    """What is the same for all slices; see `scan`."""

    reading: ReadingRules
    shard_bytes: int | None
    indexed: bool


@dataclass(frozen=True, slots=True)
class SliceScan:
    """What was found in a slice; the index is None if none is wanted."""

    scans: Sequence[FileScan]
    notices: Notices
    index: DuplicateIndex | None


def serve(rules: SliceRules, channel: Connection) -> None:
    """Scan the slices that come; the entry point of a process.

    Args:
        channel: Gets None once this process is ready, then a `SliceScan` for each slice.
    """
    detach(Path(os.devnull))
    # The threads that numpy starts for products of matrices spin for a while, and disturb.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from tui_balancer.inputs.blocks import divider

    # Hashes that another process could not compare would be wrong.
    found = None
    while divider().portable:
        channel.send(found)
        try:
            inputs, known = channel.recv()
        except EOFError:
            return
        found = scan_slice(inputs, known, rules)


def scan_slice(
    inputs: Sequence[InputFile],
    known: Collection[NoticeKind],
    rules: SliceRules,
    stop: threading.Event | None = None,
) -> SliceScan:
    """Scan a slice; `stop` ends it early.

    Args:
        known: See `Notices`.
    """
    # These import numpy.
    from tui_balancer.inputs.duplicates import DuplicateIndex
    from tui_balancer.inputs.scan import scan

    index, notices = DuplicateIndex() if rules.indexed else None, Notices(known)
    scans = scan(inputs, rules.reading, None, stop, index, rules.shard_bytes, notices)
    return SliceScan(scans, notices, index)
