"""Draws the whole screen in ASCII, for terminals without other glyphs."""

from __future__ import annotations

from rich.cells import cell_len
from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter

from tui_balancer.ui.glyphs import ASCII


def to_ascii(text: str) -> str:
    """Return text of the same width in ASCII; unknown characters become `?`."""
    if text.isascii():
        return text
    return "".join(
        letter if letter.isascii() else "?" * cell_len(letter) for letter in text.translate(ASCII)
    )


class AsciiFilter(LineFilter):
    """Replaces every non-ASCII character, also in frames and bars."""

    def apply(self, segments: list[Segment], _background: Color) -> list[Segment]:
        """Return the segments of a line in ASCII."""
        return [
            Segment(to_ascii(text), style, control)
            if not control
            else Segment(text, style, control)
            for text, style, control in segments
        ]
