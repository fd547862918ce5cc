"""The summary of a run: results, failures with reasons, and the output folder."""

from __future__ import annotations

from typing import Final

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from tui_balancer.formatting import count, duration, percent, plural, quantity
from tui_balancer.ui import glyphs
from tui_balancer.view.handle import DeviceSummary, RunSummary
from tui_balancer.view.problems import failure_groups

_LABEL: Final = 10


def _line(label: str, *parts: str | tuple[str, str]) -> Content:
    return Content.assemble((f"{label:<{_LABEL}}", "$dim"), *parts)


def _outcome(summary: RunSummary) -> list[Content]:
    files = [(f"{count(summary.done)} done", "bold $text-success")]
    if summary.failed:
        failed = f", {glyphs.FAILURE} {count(len(summary.failed))} failed"
        files.append((failed, "bold $text-error"))
    if summary.skips:
        files.append((f", {count(len(summary.skips))} skipped", "bold $text-warning"))
    if summary.waiting:
        files.append((f", {count(summary.waiting)} waiting", "bold $text-warning"))
    lines = [_line("Files", *files)]
    if summary.stop_reason:
        lines.append(_line("Ended", (summary.stop_reason, "$text-warning")))
    return lines


def _work(summary: RunSummary) -> list[Content]:
    seconds = summary.elapsed_seconds
    rates = ""
    if seconds > 0:
        rates = (
            f", {quantity(summary.sequences_now / seconds)} seq/s, "
            f"{quantity(summary.residues_now / seconds)} res/s"
        )
    notes = [
        plural(number, "sequence") + f" {what}"
        for number, what in (
            (summary.truncated, "truncated"),
            (summary.skipped, "left out"),
            (summary.copies, "were copies"),
            (summary.from_store, "from the store"),
        )
        if number
    ]
    if summary.earlier.files:
        notes.insert(0, f"{plural(summary.earlier.files, 'file')} done before this session")
    if summary.replaced:
        notes.append(f"{plural(summary.replaced, 'residue')} read as unknown")
    if summary.first_batch_seconds is not None:
        notes.append(f"first batch {summary.first_batch_seconds:.1f}s after the command")
    bound = ""
    if summary.efficiency is not None:
        bound = f", {percent(summary.efficiency)} efficient"
    steals = plural(summary.steals, "steal")
    if summary.files_stolen != summary.steals:
        steals += f" of {plural(summary.files_stolen, 'file')}"
    lines = [
        _line("Took", f"{duration(seconds)}{rates}"),
        _line(
            "Embedded",
            f"{plural(summary.sequences, 'sequence')}, {quantity(summary.residues)} residues",
        ),
        _line("Balanced", f"{steals}, {plural(summary.moves, 'move')}{bound}"),
        _line("Model", summary.model_label),
        _line("Outputs", (summary.output, "bold")),
    ]
    if notes:
        lines[2:2] = [_line("", note) for note in notes]
    return lines


def _device(device: DeviceSummary, elapsed_seconds: float) -> Content:
    share = percent(device.busy_share(elapsed_seconds))
    restarts = f", {plural(device.restarts, 'restart')}" if device.restarts else ""
    return Content.assemble(
        (f"  {device.device:<{_LABEL - 2}}", "bold"),
        f"{plural(device.files, 'file'):>14}  busy {share:>4}  "
        f"stolen +{device.stolen_to} −{device.stolen_from}{restarts}",
    )


def summary_text(summary: RunSummary) -> Content:
    """Return the text of the panel."""
    lines = [*_outcome(summary), *_work(summary), Content("")]
    lines += [_device(device, summary.elapsed_seconds) for device in summary.devices]
    if summary.failed:
        lines += [Content(""), Content.styled("Failed", "bold $text-error")]
        for group in failure_groups(summary.failed):
            lines.append(Content.assemble((f"  {group.text}", "bold"), f": {group.amount}"))
            lines += [Content(f"    {place.line}") for place in group.examples]
        lines.append(Content.styled("  3 lists all files", "$dim"))
    if summary.warnings:
        lines += [Content(""), Content.styled("Warnings", "bold $text-warning")]
        lines += [Content(f"  {line}") for line in summary.warnings]
    return Content("\n").join(lines)


class SummaryPanel(VerticalScroll, can_focus=True):
    """Shows the summary after the end of the run."""

    def __init__(self) -> None:
        super().__init__(id="summary")
        self._text = Static()
        self.border_title = " Summary "

    def compose(self) -> ComposeResult:
        """Lay out one text that wraps and scrolls."""
        yield self._text

    def show(self, summary: RunSummary) -> None:
        """Show the summary."""
        self._text.update(summary_text(summary))
        ended = "interrupted" if summary.interrupted else "the run has ended"
        self.border_title = f" Summary {glyphs.DOT} {ended} {glyphs.DOT} q leaves "
