"""One log line in full; for a steal, the numbers behind the decision."""

from __future__ import annotations

from textual.content import Content

from tui_balancer.scheduler.events import SplitEvent, StealEvent
from tui_balancer.ui import glyphs
from tui_balancer.ui.dialogs.detail_dialog import DetailDialog, field, heading
from tui_balancer.ui.formatting import bar, fine_estimate
from tui_balancer.ui.state.event_lines import LogRow

_BAR = 34


class DecisionDialog(DetailDialog):
    """Time, devices, file and reason, uncut; the finish times of a steal."""

    def __init__(self, row: LogRow, time: str) -> None:
        line = row.line
        super().__init__(
            line.label.value.capitalize(), lambda: decision_page(row, time), f"{time}  {line.text}"
        )


def decision_page(row: LogRow, time: str) -> list[Content]:
    """Return the lines of an event, without empty fields."""
    line = row.line
    fields = {"Time": time, "Devices": line.route, "File": line.name, "Reason": line.reason}
    lines = [field(label, text) for label, text in fields.items() if text]
    if isinstance(row.event, StealEvent):
        lines.append(field("Sequences", f"{row.event.sequences:,}"))
    if isinstance(row.event, StealEvent | SplitEvent):
        lines += [Content(""), *_finish_times(row.event)]
    return lines


def _finish_times(event: StealEvent | SplitEvent) -> list[Content]:
    pair = ((event.source, event.source_ends), (event.target, event.target_ends))
    ends = [(device, times) for device, times in pair if times is not None]
    without, with_it = event.finish_without, event.finish_with
    if not ends and (without is None or with_it is None):
        return [Content.styled("No finish times: the speeds were not known yet.", "$dim")]
    longest = max([without or 0.0, *(time for _, one in ends for time in one)]) or 1.0
    lines: list[Content] = []
    part = "its part " if isinstance(event, SplitEvent) else ""
    for device, (before, after) in ends:
        lines.append(heading(f"{device} finishes {part}in"))
        lines.append(_finish("without", before, longest, "$text-warning"))
        lines.append(_finish("with", after, longest, "$text-success"))
    if without is not None and with_it is not None:
        lines.append(heading(_subject(event)))
        if not ends:
            lines.append(_finish("without", without, longest, "$text-warning"))
            lines.append(_finish("with", with_it, longest, "$text-success"))
        change = f"{fine_estimate(without)} {glyphs.ARROW} {fine_estimate(with_it)}"
        lines.append(field("  Gain", f"{change}, {fine_estimate(without - with_it)} sooner"))
    return lines


def _subject(event: StealEvent | SplitEvent) -> str:
    return "The file finishes in" if isinstance(event, SplitEvent) else "Both devices finish in"


def _finish(label: str, seconds: float, longest: float, style: str) -> Content:
    filled, track = bar(seconds / longest, _BAR)
    return Content.assemble(
        (f"  {label:<12}", "$dim"),
        (filled, style),
        (track, "$foreground 40%"),
        f" {fine_estimate(seconds) if seconds else 'idle':>8}",
    )
