"""A small run of two sessions in a ledger: the first was killed, the second came to the end."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from pathlib import Path

from msgspec.structs import replace as with_fields

from tui_balancer.devices.selection import SelectedDevice
from tui_balancer.embedding.families.requests import UntrainedModel
from tui_balancer.embedding.settings import EmbeddingSettings
from tui_balancer.failures import FailureCause
from tui_balancer.ledger.changes import FileDone
from tui_balancer.ledger.records import DeviceUsed, FileRecord, RunRecord, SessionEnd, SessionRecord
from tui_balancer.ledger.schema import LEDGER_NAME
from tui_balancer.ledger.writing import Ledger
from tui_balancer.run_folder.ledger_writer import LedgerWriter
from tui_balancer.run_folder.settings_json import run_record
from tui_balancer.scheduler.events import (
    AssignmentEvent,
    DeviceEvent,
    DoneEvent,
    Event,
    FailureEvent,
    LeaseEvent,
    PartEvent,
    SplitEvent,
    StealEvent,
)
from tui_balancer.scheduler.model import DeviceState, Unit
from tui_balancer.scheduler.simulation.devices import Rules, SimulatedDevice
from tui_balancer.scheduler.simulation.run import SimulatedRun
from tui_balancer.settings import DeviceSettings, RunSettings

CPUS = (SelectedDevice("cpu:0", "a CPU", None), SelectedDevice("cpu:1", "a CPU", None))
EMPTY = "the file is empty"
HOSTILE = '<img src=x onerror="alert(1)">.faa'
NAMES = ("a.faa", "b.faa", "c.faa", HOSTILE, "empty.faa", "shared.faa")
A, B, C, BROKEN, BAD, SHARED = range(6)


def queue(*numbers: int) -> bytes:
    """Return a queue of files as an assignment has it."""
    return array("i", numbers).tobytes()


FIRST: tuple[Event, ...] = (
    DeviceEvent(0, 0.5, "cpu:0", DeviceState.STARTING, ""),
    DeviceEvent(0, 0.5, "cpu:1", DeviceState.STARTING, ""),
    FailureEvent(0, 0.6, BAD, NAMES[BAD], None, EMPTY),
    AssignmentEvent(0, 0.7, (("cpu:0", queue(A)), ("cpu:1", queue(B, C, BROKEN, SHARED)))),
    DeviceEvent(0, 2.0, "cpu:0", DeviceState.IDLE, "model loaded"),
    LeaseEvent(0, 2.0, A, NAMES[A], "cpu:0", 1),
    DeviceEvent(0, 3.0, "cpu:1", DeviceState.IDLE, "model loaded"),
    LeaseEvent(0, 3.0, B, NAMES[B], "cpu:1", 1),
    DoneEvent(0, 6.0, A, NAMES[A], "cpu:0", 1, 3.5),
    StealEvent(0, 6.0, C, NAMES[C], 10, "cpu:1", "cpu:0", "2 s sooner", 9.0, 7.0),
    LeaseEvent(0, 6.1, C, NAMES[C], "cpu:0", 1),
    DoneEvent(0, 8.0, B, NAMES[B], "cpu:1", 1, 4.5),
    LeaseEvent(0, 8.1, BROKEN, HOSTILE, "cpu:1", 1),
    DeviceEvent(0, 10.0, "cpu:1", DeviceState.PAUSED, "by hand"),
)
"""When the process is killed, `C` and `BROKEN` are out."""

SECOND: tuple[Event, ...] = (
    FailureEvent(0, 0.1, BAD, NAMES[BAD], None, EMPTY),
    DeviceEvent(0, 0.2, "cpu:0", DeviceState.STARTING, ""),
    DeviceEvent(0, 0.2, "cpu:1", DeviceState.STARTING, ""),
    AssignmentEvent(0, 0.9, (("cpu:0", queue(C)), ("cpu:1", queue(BROKEN, SHARED)))),
    LeaseEvent(0, 1.0, C, NAMES[C], "cpu:0", 2),
    LeaseEvent(0, 1.0, BROKEN, HOSTILE, "cpu:1", 2),
    DoneEvent(0, 3.0, C, NAMES[C], "cpu:0", 2, 2.0),
    FailureEvent(0, 4.0, BROKEN, HOSTILE, "cpu:1", "<script>alert(2)</script>"),
    LeaseEvent(0, 4.0, SHARED, NAMES[SHARED], "cpu:1", 1),
    SplitEvent(0, 4.5, SHARED, NAMES[SHARED], "cpu:1", "cpu:0", 2, 5, "idle", 6.0, 3.0),
    LeaseEvent(0, 4.5, SHARED, NAMES[SHARED], "cpu:0", 2, part=True),
    PartEvent(0, 7.0, SHARED, NAMES[SHARED], "cpu:0", 2, 4, 400, 4e12, 2.4),
    DoneEvent(0, 8.0, SHARED, NAMES[SHARED], "cpu:1", 1, 4.0),
    DeviceEvent(0, 8.1, "cpu:0", DeviceState.STOPPED, ""),
    DeviceEvent(0, 8.1, "cpu:1", DeviceState.STOPPED, ""),
)

UNITS = tuple(Unit(number, name, 10, 1000, 1e13) for number, name in enumerate(NAMES))


def numbered(events: Sequence[Event]) -> list[Event]:
    """Return events with their numbers, as the coordinator gives them."""
    return [with_fields(event, sequence=place) for place, event in enumerate(events, 1)]


def told_run(folder: Path) -> Path:
    """Write the ledger of the run into a folder, and return the folder."""
    folder.mkdir(exist_ok=True)
    path = folder / LEDGER_NAME
    ledger = Ledger.create(path, _run(folder), SessionRecord(1000.0, "node1", 11, {}))
    files = [
        FileRecord(
            number, number, number, name, f"/data/{name}", f"{number:064x}", 100, 1,
            f"{number}_ESM.pt", 10, 1000, 1e13, EMPTY if number == BAD else "",
            cause=FailureCause.EMPTY if number == BAD else FailureCause.NONE,
        )
        for number, name in enumerate(NAMES)
    ]  # fmt: skip
    ledger.record_scan(files, 1000.2)
    _write(ledger, FIRST, {A: "cpu:0", B: "cpu:1"})
    ledger.close()
    ledger = Ledger.open(path, SessionRecord(5000.0, "node2", 12, {"torch": "2.13.0"}))
    _write(ledger, SECOND, {C: "cpu:0", SHARED: "cpu:1"})
    ledger.end_session(5010.0, SessionEnd.FINISHED)
    ledger.close()
    return folder


def recorded_run(
    folder: Path, devices: Sequence[SimulatedDevice], units: Sequence[Unit], rules: Rules
) -> Path:
    """Write the ledger of a simulated run into a folder, and return the folder."""
    ledger = Ledger.create(
        folder / LEDGER_NAME, _run(folder), SessionRecord(1000.0, "node1", 1, {})
    )
    ledger.record_scan([file_record(unit) for unit in units], 1000.2)
    events: list[Event] = []
    run = SimulatedRun(devices, rules, journal=events.append)
    run.run(units)
    _write(ledger, events, {})
    ledger.end_session(1000.0 + run.now, SessionEnd.FINISHED)
    ledger.close()
    return folder


def file_record(unit: Unit) -> FileRecord:
    """Return what a ledger has of a file."""
    return FileRecord(
        *(unit.unit_id, unit.unit_id, unit.unit_id, unit.name, f"/data/{unit.name}"),
        *("0" * 64, 100, 1, f"{unit.unit_id}_ESM.pt"),
        sequences=unit.sequences,
        residues=unit.residues,
        cost=unit.cost,
        error="",
    )


def _run(folder: Path) -> RunRecord:
    settings = RunSettings(
        inputs=("/data",),
        output=folder,
        model="untrained:esm2_t6_8M_UR50D",
        devices=DeviceSettings("cpu"),
    )
    model = UntrainedModel("esm2_t6_8M_UR50D", seed=0).source()
    embedding = EmbeddingSettings(max_length=1022, batch_tokens=1024)
    return run_record(settings, [(model, embedding)], CPUS)


def _write(ledger: Ledger, events: Sequence[Event], done: dict[int, str]) -> None:
    moment = 0.0
    journal = LedgerWriter(ledger, lambda: moment)
    for event in numbered(events):
        moment = event.seconds
        if isinstance(event, DoneEvent):
            journal.note_done(
                event.unit_id, event.epoch, FileDone(event.unit_id, "ab" * 32, 5000, 10)
            )
        journal.note(event)
    for device in sorted(set(done.values())):
        journal.note_device(DeviceUsed(device, "a CPU", 0.05, 1, None, 1.5, 6.0))
    journal.flush()
