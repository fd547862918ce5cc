"""A small run as the ledger's tests tell it: values to write, in an order that can happen."""

from tui_balancer.ledger.changes import Change, FileDone, FileFailed, LeaseEnded, LeaseGranted
from tui_balancer.ledger.records import (
    EventRecord,
    FileRecord,
    LeaseEnd,
    OutputRecord,
    RunRecord,
    SessionRecord,
)

RUN = RunRecord(1000.5, "esm2_t6_8M_UR50D", {"inputs": ["data"], "max_length": 1022})
SESSION = SessionRecord(
    1001.0, "node1", 4711, {"tui-balancer": "0.1.0", "torch": "2.13.0"}, age_seconds=2.5
)


def file(number: int, *, unit: int | None = None, error: str = "", **changes: str) -> FileRecord:
    return FileRecord(
        file_id=number,
        unit=number if unit is None else unit,
        bundle=number if unit is None else unit,
        name=f"sub/f{number}.fasta",
        source=changes.get("source", f"/data/sub/f{number}.fasta"),
        sha256=f"{number:064x}",
        size_bytes=100 + number,
        mtime_ns=1_700_000_000_123_456_789 + number,
        output=changes.get("output", f"sub/f{number}_ESM.pt"),
        sequences=3,
        residues=90,
        cost=1.5e12,
        error=error,
    )


FILES = (file(0), file(1), file(2, error="the file is empty"), file(3, unit=3), file(4, unit=3))

DONE = FileDone(
    *(0, "ab" * 32, 5000, 3),
    truncated=1,
    replaced=2,
    skipped=1,
    others=(
        OutputRecord("sub/f0_ESM.tsv", "01" * 32, 70, 3),
        OutputRecord("sub/\udcff_ESM.npz", "ef" * 32, 600),
    ),
    output_mtime_ns=2,
)

STORY: tuple[tuple[EventRecord | None, tuple[Change, ...]], ...] = (
    (EventRecord(1, 0.5, "device", {"device": "cpu:0", "state": "idle"}), ()),
    (EventRecord(2, 1.0, "lease", {"unit": 0}), (LeaseGranted(0, 1, "cpu:0", 1.0),)),
    (EventRecord(3, 1.1, "lease", {"unit": 1}), (LeaseGranted(1, 1, "cpu:1", 1.1),)),
    (EventRecord(4, 2.0, "done", {"unit": 0}), (DONE, LeaseEnded(0, 1, LeaseEnd.DONE, 2.0))),
    (None, (LeaseEnded(1, 1, LeaseEnd.WORKER_DIED, 2.5),)),
    (EventRecord(5, 3.0, "lease", {"unit": 3}), (LeaseGranted(3, 1, "cpu:0", 3.0),)),
    (EventRecord(6, 3.5, "steal", {"from": "cpu:1", "to": "cpu:0", "unit": 1}), ()),
    (
        EventRecord(7, 4.0, "failure", {"unit": 3}),
        (
            FileFailed(4, "out of memory"),
            FileDone(3, "cd" * 32, 400, 3),
            LeaseEnded(3, 1, LeaseEnd.DONE, 4.0),
        ),
    ),
    (EventRecord(8, 5.0, "lease", {"unit": 1}), (LeaseGranted(1, 2, "cpu:0", 5.0),)),
)
"""One append each: event and changes."""
