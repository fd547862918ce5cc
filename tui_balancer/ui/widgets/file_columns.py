"""The columns of the list of files: size, state, device, finish time."""

from __future__ import annotations

from collections.abc import Container, Iterable
from dataclasses import replace
from typing import Final

from rich.cells import cell_len

from tui_balancer.formatting import NONE, count, duration, quantity
from tui_balancer.ui import glyphs
from tui_balancer.ui.formatting import device_label, fine_estimate, shorten
from tui_balancer.ui.painting.columns import Column
from tui_balancer.ui.state.file_rows import FileRow
from tui_balancer.ui.state.file_table import WITHOUT_OUTPUT, FileState
from tui_balancer.ui.styles import Line, Tone

TAG_WIDTH: Final = 1
LONG_NAME: Final = 40
"""Maximum cells of a name: `GCF_000005845.2_ASM584v2_protein.faa` has 36."""

STATES: Final[dict[FileState, tuple[str, Tone]]] = {
    FileState.RUNNING: ("●", "good"),
    FileState.WAITING: ("○", "plain"),
    FileState.FAILED: (glyphs.FAILURE, "bad"),
    FileState.SKIPPED: (glyphs.SKIPPED, "fair"),
    FileState.DONE: (glyphs.DONE, "dim"),
}
"""Glyph and tone of each state."""


def file_columns(
    tags: Container[int], device_cells: int, names: Iterable[str] = ()
) -> tuple[Column[FileRow], ...]:
    """Return the columns of files in all states.

    Args:
        tags: Numbers of the tagged files; read whenever a row is drawn.
        device_cells: Width of a device's name.
        names: Sample of file names, for the column's width.
    """
    # A name is recognisable without its folders.
    longest = max((cell_len(name.rpartition("/")[2]) for name in names), default=0)
    wanted = min(longest, LONG_NAME)
    return (
        _tag_column(tags),
        _name_column(tags, width=16, wanted=wanted, most=72),
        *_facts(device_cells),
        Column("Next", 6, _position_cell, right=True, rank=1, key="order"),
        *_sizes(),
        Column("ETA", 8, _time_cell, right=True, key="ends"),
    )


def reason_columns(tags: Container[int], device_cells: int) -> tuple[Column[FileRow], ...]:
    """Return the columns of files without an output, with most space for the reasons."""
    others = (*_facts(device_cells), *_sizes())
    return (
        _tag_column(tags),
        _name_column(tags, width=20, most=60),
        *(replace(column, optional=True) for column in others),
        Column("Why", 22, _reason_cell, flexible=True),
    )


def _facts(device_cells: int) -> tuple[Column[FileRow], ...]:
    return (
        Column("State", 9, _state_cell, key="state"),
        Column("Device", device_cells, _device_cell, rank=2),
    )


def _sizes() -> tuple[Column[FileRow], ...]:
    return (
        Column("Seqs", 7, _sequences_cell, right=True, rank=5, key="sequences"),
        Column("Res", 5, _residues_cell, right=True, rank=3, key="residues"),
        Column("FLOP", 5, _cost_cell, right=True, rank=6, key="cost"),
    )


def _tag_column(tags: Container[int]) -> Column[FileRow]:
    def tag_cell(row: FileRow, _width: int) -> Line:
        return [(glyphs.TAG, "accent")] if row.unit.unit_id in tags else []

    return Column("", TAG_WIDTH, tag_cell)


def _name_column(
    tags: Container[int], *, width: int, most: int, wanted: int = 0
) -> Column[FileRow]:
    def name_cell(row: FileRow, room: int) -> Line:
        tone: Tone = "strong" if row.unit.unit_id in tags else "plain"
        return [(shorten(row.unit.name, room), tone)]

    return Column(
        *("File", width, name_cell),
        flexible=True,
        wanted=wanted,
        most=most,
        key="file",
        always=True,
    )


def _state_cell(row: FileRow, _width: int) -> Line:
    sign, tone = STATES[row.state]
    return [(f"{sign} {row.state.word}", tone)]


def _device_cell(row: FileRow, width: int) -> Line:
    return [(device_label(row.device, width), "plain")]


def _position_cell(row: FileRow, _width: int) -> Line:
    if row.state is not FileState.WAITING:
        return []
    return [(count(row.position + 1), "plain")]


def _sequences_cell(row: FileRow, _width: int) -> Line:
    return [(count(row.unit.sequences), "plain")]


def _residues_cell(row: FileRow, _width: int) -> Line:
    return [(quantity(row.unit.residues), "plain")]


def _cost_cell(row: FileRow, _width: int) -> Line:
    return [(quantity(row.unit.cost), "dim")]


def _time_cell(row: FileRow, _width: int) -> Line:
    if row.state is FileState.DONE:
        return [("" if row.took is None else duration(row.took), "dim")]
    if row.state in WITHOUT_OUTPUT:
        return []
    return [(NONE if row.ends is None else fine_estimate(row.ends), "plain")]


def _reason_cell(row: FileRow, _width: int) -> Line:
    return [(row.reason, STATES[row.state][1])] if row.state in WITHOUT_OUTPUT else []
