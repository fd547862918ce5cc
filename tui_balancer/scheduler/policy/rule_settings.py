"""The threshold: validation, steps of the keys, and the rule as text."""

from __future__ import annotations

import math
from typing import TypeVar

from msgspec.structs import replace

from tui_balancer.errors import UserError
from tui_balancer.scheduler.model import CountSettings, PolicySettings, TimeSettings

GAIN_STEPS = (0.0, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0)
"""Seconds of the threshold keys' steps, a 1-2-5 series."""

Number = TypeVar("Number", int, float)

RATIO_STEP = 0.5
RATIO_RANGE = (1.0, 10.0)
FILES_RANGE = (1, 50)


def validate(settings: PolicySettings) -> None:
    """Raise UserError for an invalid number."""
    if isinstance(settings, TimeSettings):
        _at_least(settings.gain_seconds, 0, "the minimum gain in seconds")
        return
    _at_least(settings.ratio, 1, "the ratio of queue lengths")
    _at_least(settings.difference, 1, "the difference of queue lengths")
    _at_least(settings.minimum, 1, "the minimum queue length")
    _at_least(settings.interval_seconds, 0.1, "the interval in seconds")


def choices(settings: PolicySettings) -> dict[str, PolicySettings]:
    """Return both policies by name: the current one, and the other one with its defaults."""
    kinds: dict[str, type[PolicySettings]] = {"time": TimeSettings, "count": CountSettings}
    return {
        name: settings if isinstance(settings, kind) else kind() for name, kind in kinds.items()
    }


def raised(settings: PolicySettings) -> PolicySettings:
    """Return the settings one step less eager to steal; the same at the end of the range."""
    return _stepped(settings, up=True)


def lowered(settings: PolicySettings) -> PolicySettings:
    """Return the settings one step more eager to steal; the same at the end of the range."""
    return _stepped(settings, up=False)


def describe(settings: PolicySettings) -> str:
    """Return the rule as short text, for the header and the log."""
    if isinstance(settings, TimeSettings):
        return f"steal if ≥ {settings.gain_seconds:g} s saved"
    how = f"> {settings.ratio:g}× or +{settings.difference}"
    return f"steal if longest ≥ {settings.minimum} files, {how}"


def sooner(seconds: float) -> str:
    """Return a gain as the reason of an event, rounded like an estimate: `37 s sooner`."""
    return f"{seconds:.0f} s sooner" if seconds >= 10 else f"{seconds:.2g} s sooner"


def _stepped(settings: PolicySettings, *, up: bool) -> PolicySettings:
    if isinstance(settings, TimeSettings):
        gain = settings.gain_seconds
        beyond = [step for step in GAIN_STEPS if (step > gain if up else step < gain)]
        if not beyond:
            return settings
        return replace(settings, gain_seconds=beyond[0] if up else beyond[-1])
    sign = 1 if up else -1
    return replace(
        settings,
        ratio=_within(settings.ratio + sign * RATIO_STEP, RATIO_RANGE),
        difference=_within(settings.difference + sign, FILES_RANGE),
        minimum=_within(settings.minimum + sign, FILES_RANGE),
    )


def _within(value: Number, bounds: tuple[Number, Number]) -> Number:
    return min(max(value, bounds[0]), bounds[1])


def _at_least(value: float, least: float, what: str) -> None:
    if not (math.isfinite(value) and value >= least):
        raise UserError(f"{what} must be a number of at least {least:g}, not {value:g}")
