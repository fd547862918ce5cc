"""The timeline of a run as SVG: a row per device with its units."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from tui_balancer.formatting import count, duration
from tui_balancer.history.page.axes import Tick, time_ticks
from tui_balancer.history.run_report import RunReport, Transfer
from tui_balancer.scheduler.model import DeviceState
from tui_balancer.view.run_state import SpanEnd
from tui_balancer.view.spans import Span, StateSpan

WIDTH: Final = 1000.0
ROW: Final = 26.0
BAR: Final = 16.0

NARROWEST: Final = 1.0
"""Files narrower than this are drawn together: a page of a million files stays small."""

_STANDINGS: Final = {
    DeviceState.STARTING: "loading",
    DeviceState.PAUSED: "paused",
    DeviceState.DRAINED: "drained",
    DeviceState.DEAD: "dead",
}


@dataclass(frozen=True, slots=True)
class Bar:
    """A rectangle: place and width in units of the picture, its CSS class, what it is."""

    x: float
    width: float
    kind: str
    title: str


@dataclass(frozen=True, slots=True)
class Mark:
    """A sign at a moment."""

    x: float
    title: str


@dataclass(frozen=True, slots=True)
class Row:
    """A device's row, its upper edge at `y`; `steals` are those for it, `failures` its files'."""

    device: str
    y: float
    states: tuple[Bar, ...]
    bars: tuple[Bar, ...]
    steals: tuple[Mark, ...]
    failures: tuple[Mark, ...]


@dataclass(frozen=True, slots=True)
class Timeline:
    """All rows, the marks of time under them, and where sessions after the first begin."""

    rows: tuple[Row, ...]
    height: float
    ticks: tuple[Tick, ...]
    sessions: tuple[Mark, ...]


def timeline(account: RunReport) -> Timeline:
    """Return the picture of a run."""
    scale = WIDTH / account.seconds if account.seconds > 0 else 0.0
    held: defaultdict[str, list[Span]] = defaultdict(list)
    for span in account.spans:
        held[span.device].append(span)
    stood: defaultdict[str, list[StateSpan]] = defaultdict(list)
    for standing in account.standings:
        stood[standing.device].append(standing)
    received: defaultdict[str, list[Transfer]] = defaultdict(list)
    for transfer in account.transfers:
        if transfer.kind != "move":
            received[transfer.target].append(transfer)
    rows = tuple(
        Row(
            device.device,
            place * ROW,
            tuple(_states(stood[device.device], scale)),
            tuple(_bars(held[device.device], scale)),
            tuple(_steals(received[device.device], scale)),
            tuple(
                Mark(span.end * scale, f"{_moment(span.end)} {span.name} failed: {span.reason}")
                for span in held[device.device]
                if span.how is SpanEnd.FAILED
            ),
        )
        for place, device in enumerate(account.devices)
    )
    sessions = tuple(
        Mark(one.start * scale, f"session {number} started {calendar(one.started_at)} UTC")
        for number, one in enumerate(account.sessions[1:], 2)
    )
    return Timeline(rows, len(rows) * ROW, time_ticks(account.seconds, WIDTH), sessions)


def _states(standings: Iterable[StateSpan], scale: float) -> Iterable[Bar]:
    for one in standings:
        kind = _STANDINGS.get(one.state)
        if kind is not None:
            took = duration(one.end - one.start)
            title = f"{kind} for {took}" + (f": {one.reason}" if one.reason else "")
            yield Bar(one.start * scale, max(0.5, (one.end - one.start) * scale), kind, title)


def _bars(held: Sequence[Span], scale: float) -> Iterable[Bar]:
    """Draw spans one by one, narrow neighbours together."""
    narrow: list[Span] = []
    for place, span in enumerate(held):
        width = (span.end - span.start) * scale
        if width < NARROWEST:
            if narrow and (span.end - narrow[0].start) * scale > 2 * NARROWEST:
                yield _together(narrow, scale)
                narrow = []
            narrow.append(span)
            continue
        if narrow:
            yield _together(narrow, scale)
            narrow = []
        kind = _kind(span) + (" odd" if place % 2 else "")
        yield Bar(span.start * scale, width, kind, _title(span))
    if narrow:
        yield _together(narrow, scale)


def _together(narrow: Sequence[Span], scale: float) -> Bar:
    first, last = narrow[0], narrow[-1]
    kind = next((_kind(one) for one in narrow if one.how is not SpanEnd.DONE), _kind(first))
    title = _title(first) if len(narrow) == 1 else f"{count(len(narrow))} files, first {first.name}"
    width = max(NARROWEST / 2, (last.end - first.start) * scale)
    return Bar(first.start * scale, width, kind, title)


def _kind(span: Span) -> str:
    return span.how.name.lower()


def _title(span: Span) -> str:
    reason = f": {span.reason}" if span.reason else ""
    took = duration(span.end - span.start)
    return f"{_moment(span.start)} {span.name}: {span.how.value} after {took}{reason}"


def _steals(transfers: Iterable[Transfer], scale: float) -> Iterable[Mark]:
    """Draw a sign for all of them that would lie over each other."""
    pile: list[Transfer] = []
    for one in transfers:
        if pile and (one.seconds - pile[0].seconds) * scale >= NARROWEST:
            yield _pile(pile, scale)
            pile = []
        pile.append(one)
    if pile:
        yield _pile(pile, scale)


def _pile(pile: Sequence[Transfer], scale: float) -> Mark:
    first = pile[0]
    more = f" and {count(len(pile) - 1)} more" if len(pile) > 1 else ""
    title = f"{_moment(first.seconds)} {first.kind} from {first.source}: {first.name}{more}"
    return Mark(first.seconds * scale, f"{title} ({first.reason})" if first.reason else title)


def calendar(iso: str) -> str:
    """Return a moment of the ledger, which counts in UTC, to the minute: `2026-12-01 22:19`."""
    return iso[:16].replace("T", " ")


def _moment(seconds: float) -> str:
    return f"[{duration(seconds)}]"
