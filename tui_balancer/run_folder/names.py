"""Names of a run's own files and folders that other rooms need too."""

from __future__ import annotations

from typing import Final

LOGS_FOLDER: Final = "logs"
RUN_LOG: Final = "run.log"
APP_LOG: Final = "app.log"

ATTACH_FILE: Final = "attach.json"
"""The attach file, in the run folder while the run is live."""

MAILBOX_FOLDER: Final = ".mailbox"
"""Requests from other machines, in the run folder while the run is live."""
