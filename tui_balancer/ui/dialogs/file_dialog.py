"""Details of one file: size, devices, times, errors."""

from __future__ import annotations

from textual.content import Content

from tui_balancer.formatting import count, duration, quantity
from tui_balancer.ui.dialogs.detail_dialog import DetailDialog, field, heading
from tui_balancer.ui.formatting import fine_estimate, floating
from tui_balancer.ui.state.file_rows import FileRow, file_row
from tui_balancer.ui.state.file_table import FileState
from tui_balancer.ui.state.screen_state import ScreenState
from tui_balancer.ui.widgets.file_columns import STATES

_SHOWN_EVENTS = 30


def file_dialog(run_state: ScreenState, unit_id: int, name: str) -> DetailDialog:
    """Return the dialog of a file."""
    return DetailDialog(name, lambda: file_page(run_state, unit_id, name), name)


def file_page(run_state: ScreenState, unit_id: int, name: str) -> list[Content]:
    """Return the current lines of a file."""
    files = run_state.picture.files if run_state.picture else None
    lines = [field("File", (name, "bold"))]
    if files is not None and unit_id < len(files):
        lines += _facts(file_row(files, unit_id))
    lines += _attempts(run_state, unit_id)
    lines += _events(run_state, name)
    return lines


def _facts(row: FileRow) -> list[Content]:
    sign, _ = STATES[row.state]
    where = row.device
    if row.state is FileState.WAITING:
        where = f"{row.device}, place {count(row.position + 1)} in the queue"
    lines = [field("State", f"{sign} {row.state.word}")]
    if where:
        lines.append(field("Device", where))
    if row.reason:
        style = "$text-error" if row.state is FileState.FAILED else "$text-warning"
        lines.append(field("Why", (row.reason, style)))
    if row.state in (FileState.WAITING, FileState.RUNNING):
        lines.append(field("ETA", fine_estimate(row.ends)))
    unit = row.unit
    if not unit.sequences:
        return lines
    mean = unit.residues / unit.sequences
    lines += [
        field("Sequences", f"{count(unit.sequences)}, {mean:,.0f} residues on average"),
        field("Residues", count(unit.residues)),
        field("Cost", floating(unit.cost)),
    ]
    if row.took:
        lines.append(
            field(
                "Took",
                f"{duration(row.took)} computing: {quantity(unit.sequences / row.took)} seq/s, "
                f"{quantity(unit.residues / row.took)} res/s",
            )
        )
    return lines


def _attempts(run_state: ScreenState, unit_id: int) -> list[Content]:
    snapshot = run_state.snapshot
    if snapshot is None:
        return []
    spans = run_state.timeline.history(unit_id, snapshot.elapsed_seconds)
    if not spans:
        return []
    lines = [Content(""), heading("Attempts")]
    for device, span in spans:
        times = f"{snapshot.time_at(span.start)}  {device:<8} {span.end - span.start:>7.1f}s"
        lines.append(Content(f"  {times}  {span.word}"))
    return lines


def _events(run_state: ScreenState, name: str) -> list[Content]:
    snapshot = run_state.snapshot
    rows = [row for row in run_state.events.rows if row.line.name == name][:_SHOWN_EVENTS]
    if not rows or snapshot is None:
        return []
    lines = [Content(""), heading("Events")]
    for row in reversed(rows):
        time = snapshot.time_at(row.seconds)
        line = row.line
        lines.append(Content(f"  {time}  {line.label.value:<9}{line.route}  {line.reason}"))
    return lines
