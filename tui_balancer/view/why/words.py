"""Phrases that explanations share."""

from __future__ import annotations

from collections.abc import Iterable

from tui_balancer.formatting import count, estimate, percent
from tui_balancer.scheduler.model import DeviceMetrics, DeviceState, RunningUnit


def sentence(text: str) -> str:
    """Return a text with a full stop at its end."""
    text = text.strip()
    return text if text.endswith((".", "!", "?")) else f"{text}."


def paragraph(sentences: Iterable[str]) -> str:
    """Return the non-empty sentences in one text."""
    return " ".join(sentence(one) for one in sentences if one)


def ordinal(number: int) -> str:
    """Return an ordinal number: `1st`, `12th`, `1,022nd`."""
    teen = number % 100 in (11, 12, 13)
    ending = "th" if teen else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{count(number)}{ending}"


def running_left(metrics: DeviceMetrics, running: RunningUnit) -> float | None:
    """Return the estimated seconds to the end of a device's running unit; None if unknown."""
    if not metrics.queued_files:
        return metrics.finish_seconds
    if not metrics.rate:
        return None
    return (1 - running.fraction) * running.unit.cost / metrics.rate


def progress(metrics: DeviceMetrics, running: RunningUnit, *, of: str = "") -> str:
    """Return a device's progress with its running unit: `40% done, ~18s left`.

    Args:
        of: Text after the percentage, if not of the whole unit.
    """
    if metrics.state is DeviceState.PAUSED:
        return f"held at {percent(running.fraction)}{of}"
    if running.fraction >= 1:
        return "all of it computed, its output is being written"
    left = running_left(metrics, running)
    done = f"{percent(running.fraction)}{of} done"
    return done if left is None else f"{done}, {estimate(left)} left"


def them(files: int) -> str:
    """Return the pronoun for this number of files."""
    return "it" if files == 1 else "them"
