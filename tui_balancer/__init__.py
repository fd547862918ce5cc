"""Embeddings of many FASTA files, balanced over every device of a machine."""

import time

__version__ = "0.1.0"

_BEGAN = time.monotonic()


def command_age() -> float:
    """Return the seconds since the command began, as good as: this is the first it imports.

    The process may be older. A shell that has only one command left becomes that command.
    """
    return time.monotonic() - _BEGAN
