"""The screen in ASCII alone, and colours that every eye tells apart."""

from __future__ import annotations

from itertools import combinations

import pytest
from rich.cells import cell_len
from rich.color import Color as TerminalColor
from rich.color import ColorSystem
from textual.color import Color
from textual.theme import Theme

from tests.support.pictures import BROKEN
from tests.support.screen import fake_run, look, seen
from tui_balancer.ui.app import BalancerApp
from tui_balancer.ui.ascii_filter import to_ascii
from tui_balancer.ui.glyphs import ASCII
from tui_balancer.ui.keymap import TABS
from tui_balancer.ui.themes import LIGHT, THEMES

TONES = ("success", "warning", "error", "accent")

# Machado, Oliveira and Fernandes (2009), full dichromacy, on linear RGB.
DICHROMATS = {
    "protan": ((0.152, 1.053, -0.205), (0.115, 0.786, 0.099), (-0.004, -0.048, 1.052)),
    "deutan": ((0.367, 0.861, -0.228), (0.280, 0.673, 0.047), (-0.012, 0.043, 0.969)),
    "tritan": ((1.256, -0.077, -0.179), (-0.078, 0.931, 0.148), (0.005, 0.691, 0.304)),
}


@pytest.mark.parametrize("number", range(1, len(TABS) + 1))
async def test_every_tab_can_be_drawn_in_ascii(number: int) -> None:
    app = BalancerApp(fake_run(BROKEN), poll=False, ascii_only=True)
    async with app.run_test(size=(120, 40)) as pilot:
        await look(pilot)
        await pilot.press(str(number))
        await look(pilot)
        await pilot.pause()
        text = app.export_screenshot(simplify=True)
        drawn = text[text.index("<g class") :].replace("&#160;", " ")
        assert drawn.isascii()
        assert f"[{number} " in await seen(pilot)


def test_every_sign_keeps_its_width() -> None:
    for sign in ASCII:
        assert cell_len(to_ascii(chr(sign))) == cell_len(chr(sign)) == 1
    assert to_ascii("海 ä") == "?? ?"


def lightness_and_hue(color: Color, matrix: tuple[tuple[float, ...], ...]) -> tuple[float, ...]:
    """Return CIE L*a*b* of a colour as such an eye sees it."""
    linear = [_linear(part / 255) for part in color.rgb]
    red, green, blue = (
        min(1.0, max(0.0, sum(a * b for a, b in zip(row, linear, strict=True)))) for row in matrix
    )
    x = (0.4124 * red + 0.3576 * green + 0.1805 * blue) / 0.9505
    y = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    z = (0.0193 * red + 0.1192 * green + 0.9505 * blue) / 1.089
    fx, fy, fz = (v ** (1 / 3) if v > 0.008856 else 7.787 * v + 16 / 116 for v in (x, y, z))
    return 116 * fy - 16, 500 * (fx - fy), 200 * (fy - fz)


def _linear(part: float) -> float:
    return part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4


@pytest.mark.parametrize("eye", DICHROMATS)
@pytest.mark.parametrize("theme", THEMES, ids=lambda theme: theme.name)
def test_good_fair_and_bad_differ_for_every_eye(theme: Theme, eye: str) -> None:
    colors = [theme.success, theme.warning, theme.error]
    seen_as = [lightness_and_hue(Color.parse(one or ""), DICHROMATS[eye]) for one in colors]
    for one, other in combinations(seen_as, 2):
        distance = sum((a - b) ** 2 for a, b in zip(one, other, strict=True)) ** 0.5
        assert distance > 15


@pytest.mark.parametrize("theme", THEMES, ids=lambda theme: theme.name)
def test_text_stands_out_from_its_ground(theme: Theme) -> None:
    least = 12.0 if theme.name.endswith("contrast") else 4.5
    shown = colors_of(theme)
    for ground in map(Color.parse, (theme.background or "", theme.panel or "")):
        for name in ("foreground", "dim", *(f"text-{tone}" for tone in TONES)):
            color = ground + Color.parse(shown[name])
            high, low = sorted((luminance(color), luminance(ground)), reverse=True)
            wanted = least if name == "foreground" else 4.5
            assert (high + 0.05) / (low + 0.05) >= wanted, name


def test_good_and_chosen_are_two_colours_on_light_terminals_of_256_colours() -> None:
    looks = colors_of(LIGHT)
    assert len({in_256_colours(looks[f"text-{tone}"]) for tone in TONES}) == len(TONES)


def colors_of(theme: Theme) -> dict[str, str]:
    return {**theme.to_color_system().generate(), **theme.variables}


def luminance(color: Color) -> float:
    red, green, blue = (_linear(part / 255) for part in color.rgb)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("theme", THEMES, ids=lambda theme: theme.name)
def test_panels_and_files_are_told_apart_in_256_colours(theme: Theme) -> None:
    grounds = [in_256_colours(one or "") for one in (theme.background, theme.panel)]
    files = [in_256_colours(theme.variables[one]) for one in ("file-even", "file-odd")]
    assert len({*grounds, *files}) == 4
    for red, green, blue in files:
        assert red <= green <= blue, "files are blue there, too"


def in_256_colours(color: str) -> tuple[int, int, int]:
    known = TerminalColor.parse(color).downgrade(ColorSystem.EIGHT_BIT)
    return known.get_truecolor()
