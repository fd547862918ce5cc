"""The console script and `python -m tui_balancer`; workers import it too, so it stays bare."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line."""
    from tui_balancer.standard_streams import open_missing
    from tui_balancer.stop_signals import stopping_interrupts

    open_missing()
    try:
        with stopping_interrupts():
            from tui_balancer import cli

            cli.main()
    except KeyboardInterrupt:
        # As the command line says it; the import of that may be what was interrupted.
        sys.exit(130)


if __name__ == "__main__":
    main()
