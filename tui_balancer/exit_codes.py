"""The exit codes of the commands."""

from __future__ import annotations

EXIT_DONE = 0
EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_INTERRUPTED = 130

EXIT_CODES = (
    f"Exit codes: {EXIT_DONE} done, {EXIT_FAILED} some failed, skipped or waiting, "
    f"{EXIT_USAGE} usage, {EXIT_INTERRUPTED} interrupted."
)
"""As the help says it."""
