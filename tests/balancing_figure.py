"""Draws the README's figure of balancing: `python -m tests.balancing_figure [FILE]`.

The same files on the same four devices under the coordinator's virtual clock: the assignment alone,
with whole files stolen, and with running files shared. All devices are believed to be equally fast;
the second is slowed down to a third on the way, which nobody tells the coordinator.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from math import inf
from pathlib import Path

from tui_balancer.scheduler.events import Event
from tui_balancer.scheduler.model import DeviceSpec, TimeSettings, Unit
from tui_balancer.scheduler.policy.bounds import Speed, fluid_bound
from tui_balancer.scheduler.simulation.devices import Rules, SimulatedDevice
from tui_balancer.scheduler.simulation.run import SimulatedRun
from tui_balancer.scheduler.simulation.simulate import BATCHES, lognormal_units
from tui_balancer.view.run_state import RunState
from tui_balancer.view.spans import Span, SpanRecord

FILE = Path(__file__).parents[1] / "screenshots" / "balancing.svg"

DEVICES, FILES, MEAN_SECONDS = 4, 28, 60.0
SLOWED, SLOWED_AT, SLOWED_TO = 1, 120.0, 1 / 3

WIDTH, LEFT, LANE, GAP, HEADING, FOOT = 860, 78, 24, 4, 34, 46
STYLE = """
  text { font: 13px system-ui, sans-serif; fill: #24292f; }
  .paper { fill: #ffffff; } .bound, .slowed { stroke: #24292f; } .end { font-weight: 600; }
  .edge { stroke: #ffffff; } .bound { stroke-dasharray: 6 4; }
  .slowed { stroke-dasharray: 2 3; } .faint { fill: #57606a; }
  .d0 { fill: #4477aa; } .d1 { fill: #ee8866; } .d2 { fill: #44aa77; } .d3 { fill: #aa7fc0; }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3; } .paper { fill: #0d1117; } .edge { stroke: #0d1117; }
    .bound, .slowed { stroke: #e6edf3; } .faint { fill: #9198a1; }
  }
"""


@dataclass(frozen=True)
class Act:
    """One way to balance, and what became of it."""

    title: str
    spans: tuple[Span, ...]
    homes: dict[int, str]
    seconds: float


def devices() -> list[SimulatedDevice]:
    """Return the devices: as fast as each other, until one is throttled."""
    speeds = [Speed.steady(1.0) for _ in range(DEVICES)]
    speeds[SLOWED] = Speed(((0.0, 1.0), (SLOWED_AT, SLOWED_TO)))
    return [
        SimulatedDevice(DeviceSpec(f"cuda:{number}", "simulated", 1.0), speed)
        for number, speed in enumerate(speeds)
    ]


def act(title: str, units: Sequence[Unit], *, stealing: bool, splitting: bool) -> Act:
    """Play the run one way."""
    batch = MEAN_SECONDS / BATCHES if splitting else inf
    told: list[Event] = []
    rules = Rules(TimeSettings(), stealing=stealing, batch_cost=batch, report_seconds=2.0)
    run = SimulatedRun(devices(), rules, journal=told.append)
    run.begin(units)
    homes = {
        unit.unit_id: device.spec.device
        for device in devices()
        for unit in run.coordinator.queue(device.spec.device)
    }
    run.advance(inf)
    record = SpanRecord(run.now)
    fold = RunState(record)
    fold.expect(units)
    fold.apply_all(told)
    return Act(title, tuple(record.spans), homes, run.now)


def acts() -> tuple[Act, ...]:
    """Play it in the three ways."""
    units = lognormal_units(3, FILES, mean_cost=MEAN_SECONDS, sigma=0.8)
    return (
        act("Assigned, and left alone", units, stealing=False, splitting=False),
        act("Idle devices steal waiting files", units, stealing=True, splitting=False),
        act("… and join running ones", units, stealing=True, splitting=True),
    )


def bound() -> float:
    """Return the seconds in which the devices could do the work if it were poured over them."""
    units = lognormal_units(3, FILES, mean_cost=MEAN_SECONDS, sigma=0.8)
    return fluid_bound([unit.cost for unit in units], [device.speed for device in devices()])


def picture(played: Sequence[Act], least: float) -> str:
    """Return the figure as SVG, readable on light and on dark paper."""
    scale = (WIDTH - LEFT - 70) / max(one.seconds for one in played)
    panel = HEADING + DEVICES * (LANE + GAP) + 14
    height = len(played) * panel + FOOT
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img">',
        "<title>The same files on four devices, balanced in three ways</title>",
        f"<style>{STYLE}</style>",
        f'<rect class="paper" width="{WIDTH}" height="{height}" rx="8"/>',
    ]
    for number, one in enumerate(played):
        parts += _panel(one, number * panel, scale, least)
    x, foot = LEFT + least * scale, height - 18
    slowed = LEFT + SLOWED_AT * scale
    parts += [
        f'<text class="faint" x="{slowed:.1f}" y="{foot}" text-anchor="middle">'
        f"cuda:{SLOWED} slows down to a third</text>",
        f'<text class="faint" x="{x:.1f}" y="{foot}" text-anchor="middle">the bound</text>',
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _panel(one: Act, top: float, scale: float, least: float) -> list[str]:
    lanes = top + HEADING
    bottom = lanes + DEVICES * (LANE + GAP)
    parts = [f'<text class="end" x="{LEFT}" y="{lanes - 10}">{escape(one.title)}</text>']
    for number in range(DEVICES):
        y = lanes + number * (LANE + GAP)
        parts.append(f'<text x="12" y="{y + LANE - 7}">cuda:{number}</text>')
    for span in one.spans:
        home = one.homes[span.unit_id].removeprefix("cuda:")
        x, y = LEFT + span.start * scale, lanes + _lane(span)
        width = max(0.5, (span.end - span.start) * scale)
        parts.append(
            f'<rect class="edge d{home}" x="{x:.1f}" y="{y}" width="{width:.1f}" '
            f'height="{LANE}" rx="3">'
            f"<title>{escape(span.name)}, first given to cuda:{home}</title></rect>"
        )
    parts += [
        f'<line class="{kind}" x1="{LEFT + at * scale:.1f}" x2="{LEFT + at * scale:.1f}" '
        f'y1="{lanes - 4}" y2="{bottom}"/>'
        for at, kind in ((SLOWED_AT, "slowed"), (least, "bound"))
    ]
    last = max(one.spans, key=lambda span: span.end)
    parts.append(
        f'<text class="end" x="{LEFT + one.seconds * scale + 6:.1f}" '
        f'y="{lanes + _lane(last) + LANE - 7}">{one.seconds:.0f} s</text>'
    )
    return parts


def _lane(span: Span) -> int:
    """Return where a span's lane begins, from the first one's."""
    return int(span.device.removeprefix("cuda:")) * (LANE + GAP)


def main(target: Path = FILE) -> None:
    """Draw it."""
    target.write_text(picture(acts(), bound()), encoding="utf-8")
    print(target)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
