"""The text of a toast after a command: what changed, and which key undoes it."""

from __future__ import annotations

from collections.abc import Iterable

from tui_balancer.scheduler.commands import Command, Outcome, SkipUnits
from tui_balancer.ui.keymap import Key


def answer_text(command: Command, outcome: Outcome, keys: Iterable[Key]) -> str:
    """Return the message of an accepted command, with the keys that undo it.

    Args:
        outcome: Its result.
        keys: All keys, as the user has set them.
    """
    if not outcome.undoable:
        return outcome.message
    shown = {key.id: key.shown for key in keys}
    later = f", or {shown['file.retry']} on them later" if isinstance(command, SkipUnits) else ""
    return f"{outcome.message}. Press {shown['move.undo']} to undo{later}."
