"""The user's preferences for the screen: theme and keys."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from tui_balancer.ui.keymap import Key
from tui_balancer.ui.screen_memory import ScreenMemory


@dataclass(frozen=True, slots=True)
class Appearance:
    """The user's preferences; empty fields mean the defaults.

    Attributes:
        theme: Name of a theme; empty to choose by the terminal's background.
        keys: Keys by action (`device.pause`), in Textual's names, separated by commas.
        memory: Choices made on the screen in earlier sessions.
    """

    theme: str = ""
    keys: Mapping[str, str] = field(default_factory=dict)
    memory: ScreenMemory = field(default_factory=ScreenMemory, compare=False)

    def renamed(self, sections: Mapping[str, tuple[Key, ...]]) -> dict[str, tuple[Key, ...]]:
        """Return keys as the footer, the help and the palette show them."""
        return {
            name: tuple(
                replace(key, keys=self.keys[key.id], shown=self.keys[key.id].split(",")[0])
                if key.id in self.keys
                else key
                for key in keys
            )
            for name, keys in sections.items()
        }
