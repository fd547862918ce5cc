"""Writes errors of the screen to the app's log in the run folder."""

from __future__ import annotations

import traceback
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from tui_balancer.run_folder.names import APP_LOG


def log_error(folder: Path, what: str, error: Exception) -> str:
    """Append an error to the app's log, and return a sentence that says where it is.

    Args:
        folder: Contains the log; that of an attached or replayed run may be read-only or gone.
        what: What failed.
        error: The error.
    """
    moment = datetime.now().strftime("%Y-%m-%d %H:%M:%S,%f")[:-3]
    trace = "".join(traceback.format_exception(type(error), error, error.__traceback__))
    with suppress(OSError), (folder / APP_LOG).open("a", encoding="utf-8") as log:
        log.write(f"{moment} ERROR {__name__}: {what}:\n{trace}")
        return f"Details: {log.name}"
    return f"The error: {error!r}"
