"""How a person likes the screen: theme and keys of their own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from tui_balancer.ui.keymap import Key
from tui_balancer.ui.screen_memory import ScreenMemory


@dataclass(frozen=True, slots=True)
class Appearance:
    """What a person prefers to the program's own choice.

    Attributes:
        theme: Name of a theme; empty for what suits the terminal.
        keys: Keys by what they do (`device.pause`), as Textual names them, with commas between
            them.
        memory: What was chosen on the screen in earlier sessions.
    """

    theme: str = ""
    keys: Mapping[str, str] = field(default_factory=dict)
    memory: ScreenMemory = field(default_factory=ScreenMemory, compare=False)

    def renamed(self, sections: Mapping[str, tuple[Key, ...]]) -> dict[str, tuple[Key, ...]]:
        """Return keys as footer, help and palette show them."""
        return {
            name: tuple(
                replace(key, keys=self.keys[key.id], shown=self.keys[key.id].split(",")[0])
                if key.id in self.keys
                else key
                for key in keys
            )
            for name, keys in sections.items()
        }
