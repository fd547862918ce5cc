"""The report of a whole run over all its sessions, for the page and JSON."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone

from tui_balancer.history.history import CUT_OFF, RunHistory
from tui_balancer.ledger.records import DeviceUsed, FileState, SessionRecord
from tui_balancer.notices import Notice
from tui_balancer.outputs.dereplication import planned_copies, planned_stored
from tui_balancer.scheduler.events import Event
from tui_balancer.view.event_lines import TRANSFERS, event_line
from tui_balancer.view.handle import DeviceSummary
from tui_balancer.view.run_state import SpanEnd
from tui_balancer.view.run_stats import RunStats
from tui_balancer.view.spans import Span, SpanRecord, StateSpan

FORMAT = 2
"""Increases when a field changes its meaning."""

SKIPPED = "skipped"
"""State of a file that a person skipped."""


@dataclass(frozen=True, slots=True)
class SessionReport:
    """One process that worked on the run; its own times are ISO 8601, in UTC."""

    started_at: str
    ended_at: str | None
    how: str
    host: str
    pid: int
    versions: Mapping[str, str]
    start: float
    seconds: float


@dataclass(frozen=True, slots=True)
class FileReport:
    """An input and its result.

    Attributes:
        name: Display name.
        source: Absolute path.
        state: waiting, leased, done, failed or skipped.
        reason: Why it failed or waits again.
        cause: Why it failed, in a stable word; empty in other states.
        device: Its last device.
        attempts: Number of its leases.
        sequences: Sequences to embed.
        residues: Residues to embed.
        cost: FLOPs.
        vectors: Sequences in its output.
        missing: Sequences that its output lacks.
        output: Path relative to the run folder.
        output_sha256: Of the output; empty where there is none.
        start: When it was first in hand, in seconds of the run; None if it never was, or only
            together with others.
        end: When it last was.
        compute_seconds: Time in which its batches were in flight.
    """

    name: str
    source: str
    state: str
    reason: str
    cause: str
    device: str
    attempts: int
    sequences: int
    residues: int
    cost: float
    vectors: int
    missing: int
    output: str
    output_sha256: str
    start: float | None
    end: float | None
    compute_seconds: float | None


@dataclass(frozen=True, slots=True)
class Transfer:
    """A file that changed hands, or whose batches were divided.

    Attributes:
        seconds: When.
        kind: steal, move, split or copy.
        name: The file.
        source: The giver.
        target: The receiver.
        reason: Why.
        finish_without: Estimated finish without it, in seconds from then; None without one.
        finish_with: The same with it.
    """

    seconds: float
    kind: str
    name: str
    source: str
    target: str
    reason: str
    finish_without: float | None = None
    finish_with: float | None = None


@dataclass(frozen=True, slots=True)
class RunReport:
    """A run; times are seconds of its joined clock, which stands still between sessions.

    Attributes:
        format: See `FORMAT`.
        model: The model's label.
        output: The run folder.
        settings: All that decides its outputs.
        seconds: How long all sessions took together.
        done: Files with an output.
        failed: Files without one.
        skipped: Files that a person skipped.
        waiting: Files left for another session.
        sequences: Vectors written.
        residues: Residues embedded for them.
        residues_per_second: Over all that time; None where it took none.
        efficiency: How close the run came to its bound, in [0, 1]; as in `RunSummary`, but over
            all sessions.
        steals: Files stolen.
        splits: How often a device joined another one in a running file.
        moves: Files moved by hand.
        copies: Sequences with the residues of an earlier one, which were computed once with it.
        from_store: Sequences whose vectors an earlier run had stored.
        warnings: In the order they came, each once.
        sessions: Oldest first.
        devices: In order of appearance; a file counts where it was finished.
        files: In input order.
        transfers: In the order they happened.
        spans: What was in whose hands when.
        standings: In which state the devices were when.
    """

    format: int
    model: str
    output: str
    settings: Mapping[str, object]
    seconds: float
    done: int
    failed: int
    skipped: int
    waiting: int
    sequences: int
    residues: int
    residues_per_second: float | None
    efficiency: float | None
    steals: int
    splits: int
    moves: int
    copies: int
    from_store: int
    warnings: tuple[Notice, ...]
    sessions: tuple[SessionReport, ...]
    devices: tuple[DeviceSummary, ...]
    files: tuple[FileReport, ...]
    transfers: tuple[Transfer, ...]
    spans: tuple[Span, ...]
    standings: tuple[StateSpan, ...]


def account_of(history: RunHistory) -> RunReport:
    """Return the report of a run."""
    run_stats, record = RunStats(), SpanRecord(history.seconds)
    history.fold(run_stats, record)
    files = _files(history, record.spans)
    states = Counter(file.state for file in files)
    residues = sum(file.residues for file in files if file.state == FileState.DONE)
    return RunReport(
        format=FORMAT,
        model=history.run.model,
        output=str(history.folder),
        settings=history.run.settings,
        seconds=history.seconds,
        done=states[FileState.DONE],
        failed=states[FileState.FAILED],
        skipped=states[SKIPPED],
        waiting=states[FileState.WAITING] + states[FileState.LEASED],
        sequences=sum(file.vectors for file in files),
        residues=residues,
        residues_per_second=residues / history.seconds if history.seconds > 0 else None,
        efficiency=run_stats.efficiency(),
        steals=run_stats.steals,
        splits=run_stats.splits,
        moves=run_stats.moves,
        copies=planned_copies(history.folder),
        from_store=planned_stored(history.folder),
        warnings=tuple(dict.fromkeys(run_stats.warnings)),
        sessions=_sessions(history),
        devices=tuple(_devices(history, run_stats)),
        files=files,
        transfers=tuple(_transfers(history.events)),
        spans=tuple(record.spans),
        standings=tuple(record.states),
    )


def _sessions(history: RunHistory) -> tuple[SessionReport, ...]:
    return tuple(
        SessionReport(
            _iso(one.record.started_at),
            None if one.record.ended_at is None else _iso(one.record.ended_at),
            _ending(one.record),
            one.record.host,
            one.record.pid,
            one.record.versions,
            one.start,
            one.seconds,
        )
        for one in history.sessions
    )


def _ending(session: SessionRecord) -> str:
    """Return how a session ended, as text."""
    return session.reason or (session.end.value if session.end else CUT_OFF)


def _iso(unix_seconds: float) -> str:
    return datetime.fromtimestamp(unix_seconds, timezone.utc).isoformat(timespec="seconds")


def _devices(history: RunHistory, run_stats: RunStats) -> Iterator[DeviceSummary]:
    used: defaultdict[str, list[DeviceUsed]] = defaultdict(list)
    for session in history.sessions:
        for one in session.devices:
            used[one.device].append(one)
    for device, done in run_stats.devices.items():
        facts = used[device]
        yield replace(
            run_stats.device_summary(device, facts[-1] if facts else None),
            # A process that was killed could not write down the former at its end.
            busy_seconds=max(sum(one.busy_seconds for one in facts), done.compute_seconds),
            restarts=max(0, done.starts - max(1, len(facts))),
        )


def _files(history: RunHistory, all_spans: Sequence[Span]) -> tuple[FileReport, ...]:
    shared = Counter(row.file.unit for row in history.files)
    file_of = {row.file.file_id: row.file.whole for row in history.files if row.file.is_shard}
    held: defaultdict[int, list[Span]] = defaultdict(list)
    for span in all_spans:
        if shared[span.unit_id] == 1:
            held[file_of.get(span.unit_id, span.unit_id)].append(span)
    return tuple(
        FileReport(
            name=row.file.name,
            source=row.file.source,
            state=SKIPPED if row.by_hand else row.state.value,
            reason=row.reason,
            cause=row.file.cause.value,
            device=row.device,
            attempts=row.attempts,
            sequences=row.file.sequences,
            residues=row.file.residues,
            cost=row.file.cost,
            vectors=row.vectors,
            missing=row.missing,
            output=row.file.output,
            output_sha256=row.output_sha256,
            start=min((span.start for span in held[row.file.file_id]), default=None),
            end=max((span.end for span in held[row.file.file_id]), default=None),
            compute_seconds=_compute_seconds(held[row.file.file_id]),
        )
        for row in history.files
        if not row.file.is_shard
    )


def _compute_seconds(held: list[Span]) -> float | None:
    kept = [one.compute_seconds for one in held if one.how in (SpanEnd.DONE, SpanEnd.PART)]
    return sum(kept) if kept else None


def _transfers(events: Iterable[Event]) -> Iterator[Transfer]:
    for event in events:
        line = event_line(event)
        if line is not None and line.label in TRANSFERS:
            source, target = line.devices
            # A person's move has no estimate.
            finish = [getattr(event, f"finish_{how}", None) for how in ("without", "with")]
            label = line.label.value
            yield Transfer(event.seconds, label, line.name, source, target, line.reason, *finish)
