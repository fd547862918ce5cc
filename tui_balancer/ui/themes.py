"""The program's own colours, dark and light: calm, and told apart by colour-blind eyes too."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from textual.theme import Theme

DARK: Final = Theme(
    name="balancer-dark",
    primary="#7aa5c9",
    secondary="#56789a",
    accent="#7fb6d9",
    success="#74b88a",
    warning="#dcb55e",
    error="#e07a6a",
    foreground="#d5dae1",
    background="#14171c",
    surface="#14171c",
    panel="#20252d",
    dark=True,
    variables={"footer-key-foreground": "#7fb6d9", "border": "#7aa5c9"},
)

LIGHT: Final = Theme(
    name="balancer-light",
    primary="#2f6690",
    secondary="#557c99",
    accent="#2a6f9e",
    success="#2f7a49",
    warning="#8a6100",
    error="#b23a2e",
    foreground="#22272e",
    background="#faf9f6",
    surface="#faf9f6",
    panel="#e9e7e1",
    dark=False,
    variables={"footer-key-foreground": "#2a6f9e", "border": "#2f6690"},
)

_LIGHT_BACKGROUNDS: Final = {"7", "15"}


def preferred_theme(environment: Mapping[str, str]) -> str:
    """Return the name of the theme that suits the terminal's background.

    Terminals that tell their colours do so in `COLORFGBG` as `foreground;background`, numbers
    of the 16 ANSI colours; the others get the dark theme.
    """
    background = environment.get("COLORFGBG", "").rpartition(";")[2]
    return (LIGHT if background in _LIGHT_BACKGROUNDS else DARK).name
