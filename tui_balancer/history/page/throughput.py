"""Throughput over time in the terms of SVG: areas on top of each other, one a device."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tui_balancer.history.page.axes import Tick, time_ticks, value_ticks
from tui_balancer.history.page.timeline import WIDTH
from tui_balancer.history.run_report import RunReport
from tui_balancer.view.spans import Span

HEIGHT: Final = 220.0
BINS: Final = 200

MOST_AREAS: Final = 8
"""Maximum number of areas; more devices are drawn as one, since more colours look alike."""


@dataclass(frozen=True, slots=True)
class Area:
    """A polygon: whose, its colour's number from 0, and its points as SVG has them."""

    name: str
    colour: int
    points: str


@dataclass(frozen=True, slots=True)
class Throughput:
    """The areas, lowest first, and the marks at both axes."""

    areas: tuple[Area, ...]
    times: tuple[Tick, ...]
    values: tuple[Tick, ...]


def throughput(account: RunReport) -> Throughput | None:
    """Return the picture of residues per second, or None where nothing was embedded.

    A file's residues are spread evenly over the time that a device had it in hand.
    """
    if account.seconds <= 0:
        return None
    rates = {
        device.device: _rates(
            [span for span in account.spans if span.device == device.device and span.residues],
            account.seconds,
        )
        for device in account.devices
    }
    if len(rates) > MOST_AREAS:
        rates = {"all devices": np.sum(list(rates.values()), axis=0)}
    highest = float(np.max(np.sum(list(rates.values()), axis=0), initial=0.0)) if rates else 0.0
    if highest <= 0:
        return None
    below = np.zeros(BINS)
    areas = []
    for number, (name, own) in enumerate(rates.items()):
        above = below + own
        areas.append(Area(name, number, _polygon(below / highest, above / highest)))
        below = above
    return Throughput(
        tuple(areas), time_ticks(account.seconds, WIDTH), value_ticks(highest, HEIGHT)
    )


def _rates(spans: Sequence[Span], seconds: float) -> NDArray[np.float64]:
    """Return residues per second in each bin."""
    edges = np.linspace(0.0, seconds, BINS + 1)
    done = np.zeros(BINS + 1)
    for place, span in enumerate(spans, 1):
        # A file's output is still being written when the next one is computed already.
        next_begins = spans[place].start if place < len(spans) else seconds
        # What of it is done at each edge: nothing before its start, all after its end.
        took = max(min(span.end, next_begins) - span.start, seconds * 1e-9)
        first, last = np.searchsorted(edges, (span.start, span.start + took))
        done[first:last] += (edges[first:last] - span.start) / took * span.residues
        done[last:] += span.residues
    return np.diff(done) / (seconds / BINS)


def _polygon(below: NDArray[np.float64], above: NDArray[np.float64]) -> str:
    """Return the area between two lines of steps, in shares of the height."""
    edges = np.repeat(np.linspace(0.0, WIDTH, BINS + 1), 2)[1:-1]
    there = zip(edges, np.repeat(above, 2), strict=True)
    back = zip(edges[::-1], np.repeat(below, 2)[::-1], strict=True)
    return " ".join(f"{x:.1f},{(1 - y) * HEIGHT:.1f}" for x, y in (*there, *back))
