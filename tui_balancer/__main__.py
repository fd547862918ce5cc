"""The console script and `python -m tui_balancer`; workers import it too, so it stays bare."""

from __future__ import annotations

import os
import sys

_ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))  # noqa: PTH100, PTH120


def main() -> None:
    """Run the command line."""
    from tui_balancer.cache import settle_home
    from tui_balancer.process.standard_streams import open_missing, take_any_text
    from tui_balancer.process.stop_signals import stopping_interrupts

    open_missing()
    _take_names_as_utf8()
    take_any_text()
    settle_home()
    try:
        with stopping_interrupts():
            from tui_balancer.cli import app

            app.main()
    except KeyboardInterrupt:
        # As the command line says it; the import of that may be what was interrupted.
        sys.exit(130)


def _take_names_as_utf8() -> None:
    """Start again in Python's UTF-8 mode where the locale has another encoding.

    The names of files are bytes, and a ledger stores them as UTF-8: under another locale the same
    run could not be read, and torch refuses the names. What is printed keeps the locale's encoding.
    """
    if sys.getfilesystemencoding() != "utf-8" and sys.executable:
        os.environ["PYTHONIOENCODING"] = f"{sys.stdout.encoding}:replace"
        os.execv(sys.executable, [sys.executable, "-X", "utf8", *sys.orig_argv[1:]])


if __name__ == "__main__":
    # `python -m` puts the current folder first. A signal.py in it would be taken for Python's.
    if not getattr(sys.flags, "safe_path", False) and sys.path[0] != _ROOT:
        del sys.path[0]
    main()
