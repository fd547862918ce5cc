"""The glyphs on the screen, all of them in common terminal fonts.

Every glyph stands next to a word or a number, so a terminal that lacks one loses nothing; for
terminals without any, `ASCII` has a character of the same width for each.
"""

from __future__ import annotations

from typing import Final

from tui_balancer.scheduler.model import DeviceState
from tui_balancer.view.handle import Phase

ELLIPSIS: Final = "…"
CURSOR: Final = "▸"
TAG: Final = "●"
ARROW: Final = "→"
DOT: Final = "·"
WARNING: Final = "▲"
FAILURE: Final = "✗"
DONE: Final = "✓"
SKIPPED: Final = "−"
BAR: Final = "━"
HALF_BAR: Final = "╸"
TRACK: Final = "─"
MARK: Final = "┃"
FOLDED: Final = "▸"
UNFOLDED: Final = "▾"
UP: Final = "▴"
DOWN: Final = "▾"
SPARKS: Final = "▁▂▃▄▅▆▇█"

DEVICE_STATES: Final = {
    DeviceState.STARTING: "◌",
    DeviceState.IDLE: "○",
    DeviceState.BUSY: "●",
    DeviceState.PAUSED: "‖",
    DeviceState.DRAINED: "□",
    DeviceState.DEAD: FAILURE,
    DeviceState.STOPPED: "■",
}

PHASES: Final = {
    Phase.PREPARING: "◌",
    Phase.SCANNING: "◌",
    Phase.LOADING: "◌",
    Phase.RUNNING: "●",
    Phase.DRAINING: "◐",
    Phase.STOPPING: "◐",
    Phase.FINISHED: "■",
}

FULL: Final = "█"
DARK: Final = "▓"
MEDIUM: Final = "▒"
LIGHT: Final = "░"
STOLEN: Final = "◆"

ASCII: Final = str.maketrans(
    "…▸●→·▲✗✓━╸─┃▾▴◌○‖□■◐█▓▒░◆▁▂▃▄▅▆▇−–—≥“”’×┆│╷╵▏▎▍▌▋▊▉▐▔▕╭╮╰╯┌┐└┘├┤┬┴┼╋╺╻╹┏┓┗┛║═⟨⟩",
    '*>*>.!xv=--|v^o.|_#o#%+:@_.-:=+*--->""\'x||||||||||||^|++++++++++++++-||++++|=<>',
)
"""One ASCII character for each glyph and each piece of a frame.

An ellipsis is a star as in a shell: `~/a.faa` would name a file in the home folder.
"""
