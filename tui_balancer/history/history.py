"""The history of a run from its ledger: the events of all sessions on one clock."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import get_args

from msgspec import DecodeError, convert
from msgspec.json import Decoder
from msgspec.structs import replace as with_fields

from tui_balancer.errors import UserError
from tui_balancer.ledger.errors import LedgerError
from tui_balancer.ledger.reading import LedgerReader, read_ledger
from tui_balancer.ledger.records import (
    DeviceUsed,
    EventRecord,
    FileRow,
    RunRecord,
    SessionRecord,
)
from tui_balancer.ledger.schema import LEDGER_NAME
from tui_balancer.process.gc_pause import collector_paused
from tui_balancer.run_folder.manifest import Manifest
from tui_balancer.run_folder.settings_json import marks_of
from tui_balancer.scheduler.events import (
    AddedEvent,
    DeviceEvent,
    Event,
    ReturnEvent,
    RunEvent,
)
from tui_balancer.scheduler.model import DeviceState, ReturnCause, Unit
from tui_balancer.view.run_state import RunState, RunView

CUT_OFF = "the run's process has died"

# Looked up here: to convert to the union of all takes ten times as long.
_EVENTS: dict[str, type[Event]] = {
    str(kind.__struct_config__.tag): kind for kind in get_args(RunEvent)
}

_all_events = Decoder(list[RunEvent])


@dataclass(frozen=True, slots=True)
class SessionHistory:
    """A session of the run.

    Attributes:
        record: Its row of the ledger.
        first_event: Index of its first event among those of the run.
        start: Its first moment in seconds of the run's joined clock.
        seconds: Its duration.
    """

    record: SessionRecord
    first_event: int
    start: float
    seconds: float
    devices: tuple[DeviceUsed, ...]


@dataclass(frozen=True, slots=True)
class RunHistory:
    """A run from start to end, without the time between sessions.

    Attributes:
        folder: The run folder, as the person wrote it.
        run: What the run is.
        sessions: The processes that worked on it, oldest first.
        files: Every file with its result.
        units: Every file as a unit at its number.
        events: All events, numbered without gaps from 1, in seconds of the joined clock. The
            leases of a killed process are returned at its last moment.
    """

    folder: Path
    run: RunRecord
    sessions: tuple[SessionHistory, ...]
    files: tuple[FileRow, ...]
    units: tuple[Unit, ...]
    events: tuple[Event, ...]

    @property
    def seconds(self) -> float:
        """Total duration of all sessions."""
        last = self.sessions[-1]
        return last.start + last.seconds

    @property
    def known(self) -> int:
        """Number of files and shards before others were added to the run at work."""
        added = (event.first for event in self.events if isinstance(event, AddedEvent))
        return min(added, default=len(self.units))

    def fold(self, *views: RunView) -> RunState:
        """Fold the whole run into these views, and return the final state."""
        state = RunState(*views)
        state.expect(self.units)
        state.apply_all(self.events)
        return state

    def newest_session(self) -> RunHistory:
        """Return the history of only the last session, on its own clock."""
        last = self.sessions[-1]
        if not last.first_event:
            return self
        events = tuple(
            with_fields(event, sequence=place, seconds=event.seconds - last.start)
            for place, event in enumerate(self.events[last.first_event :], 1)
        )
        alone = replace(last, first_event=0, start=0.0)
        return replace(self, sessions=(alone,), events=events)


def read_history(folder: Path, *, newest_session: bool = False) -> RunHistory:
    """Return the history of the run in a folder, also while it is live.

    Args:
        folder: The run folder, as the person wrote it.
        newest_session: Whether to read only the last session.

    Raises:
        UserError: There is no run in it, or its ledger cannot be read.
    """
    try:
        with collector_paused(), closing(read_ledger(folder / LEDGER_NAME)) as ledger:
            files = ledger.files()
            sessions: list[SessionHistory] = []
            events: list[Event] = []
            records = list(enumerate(ledger.sessions(), 1))
            for number, record in records[-1:] if newest_session else records:
                start = sessions[-1].start + sessions[-1].seconds if sessions else 0.0
                first = len(events)
                events += _events(ledger, number, first, start)
                session = _session(ledger, number, record, first, start, events[first:])
                sessions.append(session)
                if record.ended_at is None:
                    events += [
                        with_fields(event, sequence=place)
                        for place, event in enumerate(
                            _cut_off(events[first:], start + session.seconds), len(events) + 1
                        )
                    ]
            run = ledger.run()
            manifest = Manifest.of([row.file for row in files], folder, marks=marks_of(run))
            units = tuple(map(manifest.file_unit, range(len(files))))
    except LedgerError as problem:
        raise UserError(str(problem)) from problem
    return RunHistory(folder, run, tuple(sessions), files, units, tuple(events))


def _events(ledger: LedgerReader, session: int, before: int, start: float) -> Sequence[Event]:
    """Return the events of a session that begins at `start`, with so many events before it."""
    texts = (
        f'{{"event":"{kind}","sequence":{number},"seconds":{start + seconds},{payload[1:]}'
        for number, (seconds, kind, payload) in enumerate(ledger.event_texts(session), before + 1)
    )
    try:
        # One call for all of them: a run of 100,000 files has 200,000 events.
        return _all_events.decode(f"[{','.join(texts)}]")
    except DecodeError:
        records = enumerate(ledger.events(session), before + 1)
        return [stored_event(one, number, start) for number, one in records]


def stored_event(record: EventRecord, sequence: int, start: float = 0.0) -> Event:
    """Return an event from its stored form.

    Args:
        record: The stored form.
        sequence: The number that it gets.
        start: Begin of its session on the clock that it gets.
    """
    fields = {**record.payload, "sequence": sequence, "seconds": start + record.seconds}
    return convert(fields, _EVENTS[record.kind])


def _session(
    ledger: LedgerReader,
    number: int,
    record: SessionRecord,
    first_event: int,
    start: float,
    events: Sequence[Event],
) -> SessionHistory:
    devices = ledger.devices(number)
    # The run's clock and the wall's may differ by a little: no event is after the end.
    last = max((event.seconds for event in events), default=start) - start
    if record.ended_at is None:
        seconds = max(last, *(one.seconds for one in devices), 0.0)
    else:
        seconds = max(last, record.ended_at - record.started_at)
    return SessionHistory(record, first_event, start, seconds, devices)


def _cut_off(events: Iterable[Event], end: float) -> Iterator[Event]:
    """Return the events that a process killed at `end` could not record."""
    state = RunState()
    state.apply_all(events)
    out = [lease for leases in state.leases.values() for lease in leases.values()]
    for lease in sorted(out, key=lambda one: one.sequence):
        held = (lease.unit_id, lease.unit_name, lease.device, lease.epoch)
        yield ReturnEvent(0, end, *held, ReturnCause.APP_DIED)
    for device, newest in state.devices.items():
        if newest.state not in (DeviceState.DRAINED, DeviceState.DEAD, DeviceState.STOPPED):
            yield DeviceEvent(0, end, device, DeviceState.STOPPED, CUT_OFF)
