"""One line of the log with all its words; of a steal, what it was decided on."""

from __future__ import annotations

from textual.content import Content

from tui_balancer.balance.events import SplitEvent, StealEvent
from tui_balancer.ui.dialogs.detail_dialog import DetailDialog, field, heading
from tui_balancer.ui.formatting import bar, fine_estimate
from tui_balancer.ui.story.event_record import LogRow

_BAR = 36


class DecisionDialog(DetailDialog):
    """Time, devices, file and reason, none of them cut; both finish times of a steal."""

    def __init__(self, row: LogRow, time: str) -> None:
        super().__init__(
            row.word.capitalize(), lambda: decision_page(row, time), f"{time}  {row.text}"
        )


def decision_page(row: LogRow, time: str) -> list[Content]:
    """Return the lines of an event; empty fields are left out."""
    fields = {"Time": time, "Devices": row.route, "File": row.name, "Reason": row.reason}
    lines = [field(label, text) for label, text in fields.items() if text]
    if isinstance(row.event, StealEvent):
        lines.append(field("Sequences", f"{row.event.sequences:,}"))
    if isinstance(row.event, SplitEvent):
        lines.append(field("Batches", f"{row.event.batches:,} of {row.event.of:,}"))
    if isinstance(row.event, StealEvent | SplitEvent):
        lines += [Content(""), *_finish_times(row.event)]
    return lines


def _finish_times(event: StealEvent | SplitEvent) -> list[Content]:
    without, with_it = event.finish_without, event.finish_with
    if without is None or with_it is None:
        return [Content.styled("This rule estimates no finish times.", "$foreground 60%")]
    longest = max(without, with_it) or 1.0
    return [
        heading(f"Until {event.source} and {event.target} are both through"),
        _finish("left alone", without, longest, "$text-warning"),
        _finish("as decided", with_it, longest, "$text-success"),
        field("", f"gains {fine_estimate(without - with_it)}"),
    ]


def _finish(label: str, seconds: float, longest: float, style: str) -> Content:
    filled, track = bar(seconds / longest, _BAR)
    return Content.assemble(
        (f"{label:<15}", "$foreground 60%"),
        (filled, style),
        (track, "$foreground 40%"),
        f" {fine_estimate(seconds):>8}",
    )
