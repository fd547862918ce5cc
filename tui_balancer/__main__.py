"""The console script and `python -m tui_balancer`; workers import it too, so it stays bare."""

from __future__ import annotations


def main() -> None:
    """Run the command line."""
    from tui_balancer.standard_streams import open_missing

    open_missing()
    from tui_balancer import cli

    cli.main()


if __name__ == "__main__":
    main()
