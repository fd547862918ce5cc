"""An app that shows the manual without a run."""

from __future__ import annotations

import os

from textual.app import App

from tui_balancer.ui.screens.manual_screen import ManualScreen
from tui_balancer.ui.themes import THEMES, preferred_theme


class ManualApp(App[None]):
    """Shows the manual until it is closed.

    Args:
        text: The name of a page, or words to search for.
    """

    CSS_PATH = "app.tcss"
    TITLE = "tui-balancer manual"

    def __init__(self, text: str = "") -> None:
        super().__init__()
        self._text = text
        for theme in THEMES:
            self.register_theme(theme)
        self.theme = preferred_theme(os.environ)

    def on_mount(self) -> None:
        """Open the manual; the program ends when it closes."""
        self.push_screen(ManualScreen(self._text), lambda _: self.exit())
