"""Standard input, output and error of a process that was started without one of them."""

from __future__ import annotations

import os
import sys


def open_missing() -> None:
    """Open those of the descriptors 0 to 2 that are closed on the null device.

    The next files to be opened would get these numbers otherwise, and whatever is printed would end
    up in one of them: the ledger, a socket, the pipe to a worker.
    """
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            # It gets the lowest number that is free: this one.
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: PTH123, SIM115
