"""The header: progress, throughput, ETA and problems in three lines."""

from __future__ import annotations

from typing import ClassVar, Final

from textual.binding import BindingType
from textual.reactive import reactive

from tui_balancer.formatting import clock_time, count, duration, estimate, percent, plural, quantity
from tui_balancer.scheduler.model import DeviceState
from tui_balancer.scheduler.policy.rule_settings import describe
from tui_balancer.ui import glyphs
from tui_balancer.ui.dialogs.efficiency_dialog import efficiency_dialog
from tui_balancer.ui.formatting import bar, shorten
from tui_balancer.ui.keymap import HEADER, SHOWING, bindings
from tui_balancer.ui.painting.painted import Painted
from tui_balancer.ui.styles import Line, Tone, fit, line_width, spread
from tui_balancer.view.handle import Phase, RunSnapshot, Step

_LEAST_BAR: Final = 10

PROBLEMS_KEY: Final = next(key.shown for key in SHOWING if key.id == "show.problems")
"""The key that lists problems."""

WELL_BALANCED: Final = 0.9
"""A run this close to its bound is well balanced."""

_PHASE_TONES: Final[dict[Phase, Tone]] = {
    Phase.PREPARING: "accent",
    Phase.SCANNING: "accent",
    Phase.LOADING: "accent",
    Phase.RUNNING: "good",
    Phase.DRAINING: "fair",
    Phase.STOPPING: "fair",
    Phase.FINISHED: "strong",
}


def state_line(snapshot: RunSnapshot, width: int, *, frozen: bool, read_only: bool = False) -> Line:
    """Return phase, elapsed time and badges at the left, and the model at the right."""
    word, tone = snapshot.phase.value, _PHASE_TONES[snapshot.phase]
    if snapshot.phase is Phase.FINISHED and (snapshot.stop_reason or snapshot.totals.waiting):
        word, tone = "ended early", "fair"
    phase: Line = [
        (f"{glyphs.PHASES[snapshot.phase]} {word}", tone),
        (f"  {duration(snapshot.elapsed_seconds)}", "plain"),
    ]
    left = [phase]
    if snapshot.paused:
        left.append([(" PAUSED ", "badge")])
    if snapshot.no_device:
        left.append([(" NO DEVICE ", "badge")])
    if frozen:
        left.append([(" FROZEN ", "badge")])
    if read_only:
        left.append([(" READ-ONLY ", "badge")])
    badge: Line = [(f"{glyphs.WARNING} untrained weights", "fair")] if snapshot.untrained else []
    room = width - sum(line_width(part) + 2 for part in [*left, badge])
    model: Line = [(shorten(snapshot.model_label, max(12, room)), "strong")]
    output: Line = [(f"{glyphs.ARROW} {shorten(snapshot.output, 40)}", "dim")]
    return spread(width, "  ", (left, [badge, model, output]), (left, [badge, model]))


def step_line(step: Step, width: int) -> Line:
    """Return the preparation step, with a bar if its length is known."""
    head: Line = [(f"{step.what}  ", "strong"), (step.amount, "plain")]
    if not step.total:
        return fit(head, width)
    room = max(_LEAST_BAR, width - line_width(head) - 2)
    filled, track = bar(step.done / step.total, room)
    return fit([*head, ("  ", "plain"), (filled, "accent"), (track, "dim")], width)


def progress_line(snapshot: RunSnapshot, width: int) -> Line:
    """Return the number of files done, a bar, and the ETA."""
    if snapshot.step is not None:
        return step_line(snapshot.step, width)
    if snapshot.phase is Phase.SCANNING:
        scanned, found = snapshot.scan.files_scanned, snapshot.scan.files_found
        head: Line = [(f"{count(scanned)} / {plural(found, 'file')} scanned", "strong")]
        fraction = scanned / found if found else 0.0
        tail: Line = [(f"{percent(fraction):>5}", "plain")]
    else:
        totals = snapshot.totals
        head = [(f"{count(totals.done)} / {plural(totals.files, 'file')}", "strong")]
        # File sizes differ by orders of magnitude: the bar shows work, the text shows files.
        fraction = totals.cost_done / totals.cost if totals.cost else 0.0
        tail = [(f"{percent(fraction):>5}", "plain")]
        if snapshot.phase is not Phase.FINISHED:
            tail.append((f"  ETA {estimate(snapshot.eta_seconds)}", "strong"))
            if snapshot.eta_seconds is not None:
                now = snapshot.taken_at
                end = clock_time(now + snapshot.eta_seconds, now, seconds=False)
                clock: Line = [(f" (at {end})", "dim")]
                if line_width([*head, *tail, *clock]) + 2 + _LEAST_BAR <= width:
                    tail += clock
    room = max(_LEAST_BAR, width - line_width(head) - line_width(tail) - 2)
    filled, track = bar(fraction, room)
    return fit([*head, ("  ", "plain"), (filled, "accent"), (track, "dim"), *tail], width)


def health(snapshot: RunSnapshot) -> list[Line]:
    """Return the problems with the key that lists them, or "no problems"."""
    wrong: list[Line] = []
    dead = [one.device for one in snapshot.devices if one.state is DeviceState.DEAD]
    if dead:
        which = dead[0] if len(dead) == 1 else plural(len(dead), "device")
        wrong.append([(f"{glyphs.FAILURE} {which} dead", "bad")])
    shown: list[Line] = []
    if snapshot.totals.failed:
        shown.append([(f"{glyphs.FAILURE} {count(snapshot.totals.failed)} failed", "bad")])
    if snapshot.warnings:
        shown.append([(f"{glyphs.WARNING} {plural(len(snapshot.warnings), 'warning')}", "fair")])
    if shown:
        wrong += [*shown, [("press ", "dim"), (PROBLEMS_KEY, "accent")]]
    lines = wrong or [[(f"{glyphs.DONE} no problems", "good")]]
    if snapshot.totals.skipped:
        lines.append([(f"{glyphs.SKIPPED} {count(snapshot.totals.skipped)} skipped", "dim")])
    return lines


def rates_line(snapshot: RunSnapshot, width: int, *, focused: bool = False) -> Line:
    """Return throughput and the stealing policy at the left, and problems at the right.

    Args:
        width: Width of the line in cells.
        focused: Whether `enter` explains the efficiency now.
    """
    right = health(snapshot)
    separator = f"  {glyphs.DOT}  "
    if snapshot.phase is Phase.PREPARING:
        return spread(width, separator, ([], right))
    if snapshot.trouble:
        trouble: Line = [(f"{glyphs.FAILURE} {snapshot.trouble}", "bad")]
        way_out: Line = [("P resumes", "strong")]
        return spread(width, separator, ([trouble, way_out], right), ([way_out, trouble], []))
    if snapshot.phase is Phase.SCANNING:
        sequences: Line = [(plural(snapshot.scan.sequences, "sequence"), "plain")]
        residues: Line = [(f"{quantity(snapshot.scan.residues)} residues", "plain")]
        return spread(width, separator, ([sequences, residues], right))
    sequences, residues = [], []
    if snapshot.phase is not Phase.FINISHED:
        sequences = [(f"{quantity(snapshot.sequences_per_second)} seq/s", "plain")]
        residues = [(f"{quantity(snapshot.residues_per_second)} res/s", "plain")]
    rule: Line = [(describe(snapshot.policy) if snapshot.stealing else "no stealing", "plain")]
    totals = snapshot.totals
    counts: Line = [(f"{count(totals.running)} running, {count(totals.waiting)} waiting", "dim")]
    well: Line = []
    if snapshot.efficiency is not None:
        tone: Tone = "good" if snapshot.efficiency >= WELL_BALANCED else "fair"
        if focused:
            tone = "chosen"
        well = [(f"{percent(snapshot.efficiency)} efficient", tone)]
    return spread(
        width,
        separator,
        ([sequences, residues, well, rule, counts], right),
        ([sequences, residues, well, rule], right),
        ([sequences, well, rule], right),
        ([sequences, well], right),
        ([well or sequences], right),
    )


class RunHeader(Painted, can_focus=True):
    """The header of the screen; `enter` or a click explains the efficiency.

    Attributes:
        read_only: Whether to show that the run accepts no commands from here.
    """

    BINDINGS: ClassVar[list[BindingType]] = bindings(*HEADER)

    snapshot: reactive[RunSnapshot | None] = reactive(None, repaint=False)
    frozen: reactive[bool] = reactive(False, repaint=False)

    def __init__(self) -> None:
        super().__init__(id="header")
        self.read_only = False

    def watch_snapshot(self) -> None:
        """Repaint the lines that changed."""
        self.repaint_changes()

    def watch_frozen(self) -> None:
        """Repaint the badge."""
        self.repaint_changes()

    def draw(self, y: int, width: int) -> Line:
        """Draw one of the three lines."""
        if self.snapshot is None:
            return fit([], width)
        if y == 0:
            line = state_line(self.snapshot, width, frozen=self.frozen, read_only=self.read_only)
        elif y == 1:
            line = progress_line(self.snapshot, width)
        else:
            line = rates_line(self.snapshot, width, focused=self.has_focus)
        return fit(line, width)

    def on_focus(self) -> None:
        """Mark the efficiency, which `enter` explains."""
        self.repaint_changes()

    def on_blur(self) -> None:
        """Mark nothing."""
        self.repaint_changes()

    def on_click(self) -> None:
        """Explain the efficiency."""
        self.action_details()

    def action_details(self) -> None:
        """Explain the efficiency."""
        self.app.push_screen(efficiency_dialog(lambda: self.snapshot))
