"""A screen with a theme and keys of a person's own."""

from __future__ import annotations

import pytest

from tests.support.screen import fake_run, look, seen, until
from tui_balancer.scheduler.commands import PauseAll, PauseDevice
from tui_balancer.ui.app import BalancerApp
from tui_balancer.ui.appearance import Appearance


async def test_an_own_key_does_what_the_usual_one_did_and_the_footer_names_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("TEXTUAL_THEME", raising=False)
    run = fake_run()
    own = Appearance(theme="balancer-contrast", keys={"device.pause": "f5"})
    app = BalancerApp(run, poll=False, look=own)
    async with app.run_test(size=(120, 40)) as pilot:
        await look(pilot)
        assert "f5 Pause" in await seen(pilot)
        await pilot.press("p", "P", "f5")
        await until(pilot, lambda: len(run.commands) == 2)
    assert run.commands == [PauseAll(), PauseDevice("cuda:0")]
    assert app.theme == "balancer-contrast"


@pytest.mark.parametrize(
    ("theme", "like"), [("nord", "balancer-dark"), ("solarized-light", "balancer-light")]
)
async def test_a_theme_of_textual_s_own_lacks_no_colour(theme: str, like: str) -> None:
    app = BalancerApp(fake_run(), poll=False, look=Appearance(theme=theme))
    async with app.run_test(size=(80, 24)) as pilot:
        await look(pilot)
        lent = app.theme_variables["file-odd"]
        app.theme = like
        await pilot.pause()
        assert app.theme_variables["file-odd"] == lent


async def test_the_environment_s_theme_goes_before_ones_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TEXTUAL_THEME", "balancer-light")
    app = BalancerApp(fake_run(), poll=False, look=Appearance(theme="balancer-contrast"))
    assert app.theme == "balancer-light"
