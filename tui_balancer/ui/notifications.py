"""Desktop notifications and the window's title."""

from __future__ import annotations

from tui_balancer.formatting import count, duration, estimate, percent, plural
from tui_balancer.scheduler.model import DeviceState
from tui_balancer.ui.messages import Picture
from tui_balancer.view.handle import Phase, RunSnapshot

PROGRAM = "tui-balancer"


def title_of(snapshot: RunSnapshot) -> str:
    """Return the window's title: progress, ETA, program."""
    totals = snapshot.totals
    if snapshot.phase in (Phase.PREPARING, Phase.SCANNING, Phase.FINISHED) or not totals.cost:
        return f"{snapshot.phase.value} | {PROGRAM}"
    # A title that changes every second would make the window list flicker.
    state = "paused" if snapshot.paused else estimate(snapshot.eta_seconds).split()[0]
    return f"{percent(totals.cost_done / totals.cost)} {state} | {PROGRAM}"


class Notifications:
    """Compares snapshots, so that no title and no news is sent twice."""

    def __init__(self) -> None:
        self._title = ""
        self._told: set[str] = set()
        self._seen_before = False

    def of(self, picture: Picture) -> tuple[str, str]:
        """Return the title if it has changed, and any news; empty strings otherwise."""
        title = title_of(picture.snapshot)
        changed, self._title = title != self._title, title
        fresh = {key: text for key, text in _news(picture).items() if key not in self._told}
        self._told.update(fresh)
        # What was already true when the screen opened is not news.
        told, self._seen_before = self._seen_before, True
        news = f"{PROGRAM}: {'; '.join(fresh.values())}" if fresh and told else ""
        return title if changed else "", news


def _news(picture: Picture) -> dict[str, str]:
    snapshot, summary = picture.snapshot, picture.summary
    news = {
        f"dead {one.device}": f"{one.device} is dead: {one.note}"
        for one in snapshot.devices
        if one.state is DeviceState.DEAD
    }
    if snapshot.trouble:
        news["trouble"] = snapshot.trouble
    if snapshot.totals.failed and summary is None:
        news["failed"] = f"{count(snapshot.totals.failed)} failed"
    if summary is not None:
        failed = f", {count(len(summary.failed))} failed" if summary.failed else ""
        done = plural(summary.done, "file")
        news["end"] = f"{done} done in {duration(summary.elapsed_seconds)}{failed}"
        if summary.skips:
            news["end"] += f", {count(len(summary.skips))} skipped"
    return news
