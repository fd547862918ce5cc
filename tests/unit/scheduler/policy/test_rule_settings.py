"""The threshold: numbers that make no sense, steps up and down, the rule in words."""

from __future__ import annotations

import pytest

from tui_balancer.errors import UserError
from tui_balancer.scheduler.model import CountSettings, PolicySettings, TimeSettings
from tui_balancer.scheduler.policy.rule_settings import (
    GAIN_STEPS,
    describe,
    lowered,
    raised,
    validate,
)


@pytest.mark.parametrize("settings", [TimeSettings(), CountSettings()])
def test_threshold_keys_go_up_and_back_down(settings: PolicySettings) -> None:
    assert raised(settings) != settings
    assert lowered(raised(settings)) == settings


@pytest.mark.parametrize("settings", [TimeSettings(0.7), CountSettings()])
def test_threshold_keys_stop_at_the_ends_of_their_range(settings: PolicySettings) -> None:
    for step in (raised, lowered):
        for _ in range(60):
            validate(settings)
            settings = step(settings)
        assert step(settings) == settings


def test_the_time_threshold_steps_to_the_next_rung_from_between_two() -> None:
    assert raised(TimeSettings(0.7)) == TimeSettings(1.0)
    assert lowered(TimeSettings(0.7)) == TimeSettings(0.5)
    assert raised(TimeSettings(GAIN_STEPS[-1] + 1)) == TimeSettings(GAIN_STEPS[-1] + 1)


def test_the_keys_leave_the_interval_alone() -> None:
    raised_settings = raised(CountSettings(interval_seconds=4.5))
    assert isinstance(raised_settings, CountSettings)
    assert raised_settings == CountSettings(2.5, 4, 4, 4.5)


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        (TimeSettings(1.0), "steal if ≥ 1 s saved"),
        (TimeSettings(0.5), "steal if ≥ 0.5 s saved"),
        (CountSettings(), "steal if longest ≥ 3 files, > 2× or +3"),
        (CountSettings(2.5, 4, 1), "steal if longest ≥ 1 files, > 2.5× or +4"),
    ],
)
def test_a_rule_is_described_in_a_few_words(settings: PolicySettings, text: str) -> None:
    assert describe(settings) == text


@pytest.mark.parametrize(
    "settings",
    [
        TimeSettings(-1.0),
        TimeSettings(float("nan")),
        TimeSettings(float("inf")),
        CountSettings(ratio=0.5),
        CountSettings(difference=0),
        CountSettings(minimum=0),
        CountSettings(interval_seconds=0.0),
    ],
)
def test_numbers_that_make_no_sense_are_refused(settings: PolicySettings) -> None:
    with pytest.raises(UserError, match="must be a number of at least"):
        validate(settings)
