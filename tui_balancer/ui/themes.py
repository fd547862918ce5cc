"""The program's themes, with colours that colour-blind users can tell apart.

Good states are bluish green, warnings yellow, errors vermilion, as in Okabe and Ito's palette
(https://jfly.uni-koeln.de/color/): they differ in lightness as well as in hue. All of them exist
on terminals with 256 colours, common over ssh, where greys with a little more blue turn black.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from textual.theme import Theme

DARK: Final = Theme(
    name="balancer-dark",
    primary="#7aa5c9",
    secondary="#5f8fb4",
    accent="#7fb6d9",
    success="#3fb58f",
    warning="#e8c468",
    error="#ea7340",
    foreground="#d5dae1",
    background="#14171b",
    surface="#14171b",
    panel="#21252c",
    dark=True,
    variables={
        "border": "#7aa5c9",
        "text-accent": "#aacdee",
        "dim": "#d5dae199",
        "file-even": "#4f8fc0",
        "file-odd": "#8fbfe8",
    },
)

LIGHT: Final = Theme(
    name="balancer-light",
    primary="#2f6690",
    secondary="#557c99",
    accent="#2a6f9e",
    success="#0c6b72",
    warning="#7f6a00",
    error="#7d120a",
    foreground="#22272e",
    background="#faf9f6",
    surface="#faf9f6",
    panel="#e9e7e1",
    dark=False,
    variables={
        "border": "#2f6690",
        # Textual's are too dark to tell apart.
        "text-success": "#0c6b72",
        "text-warning": "#6f5c00",
        "text-error": "#a3190e",
        "text-accent": "#266894",
        "dim": "#22272eb3",
        "file-even": "#2a6f9e",
        "file-odd": "#78aed2",
    },
)

CONTRAST: Final = Theme(
    name="balancer-contrast",
    primary="#4cc3ff",
    secondary="#4cc3ff",
    accent="#5ecbff",
    success="#00e6a8",
    warning="#ffe23d",
    error="#ff8a4c",
    foreground="#ffffff",
    background="#000000",
    surface="#000000",
    panel="#1c1c1c",
    dark=True,
    variables={
        "border": "#5ecbff",
        "dim": "#ffffffb3",
        "file-even": "#3aa0ff",
        "file-odd": "#c8ecff",
    },
)

OWN_COLORS: Final = ("dim", "file-even", "file-odd")
"""Variables of the stylesheet that Textual's own themes do not have."""

THEMES: Final = (DARK, LIGHT, CONTRAST)

_LIGHT_BACKGROUNDS: Final = {"7", "15"}


def preferred_theme(environment: Mapping[str, str]) -> str:
    """Return the name of the theme for the terminal's background.

    Some terminals set `COLORFGBG` to `foreground;background`, numbers of the 16 ANSI colours;
    all others get the dark theme.
    """
    background = environment.get("COLORFGBG", "").rpartition(";")[2]
    return (LIGHT if background in _LIGHT_BACKGROUNDS else DARK).name
