"""Standard input, output and error: opened where they are closed, able to take any text."""

from __future__ import annotations

import errno
import io
import os
import sys
from typing import Any


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


class _Output(io.FileIO):
    """Standard output that remembers the first error of writing to it.

    A reader who left (a closed pipe, a lost terminal) is no error: they have seen enough.
    """

    def __init__(self) -> None:
        super().__init__(1, "w", closefd=False)
        self.problem: OSError | None = None
        self._terminal = self.isatty()

    def write(self, data: Any, /) -> int:
        """Write bytes."""
        try:
            return super().write(data)
        except OSError as problem:
            if self.problem is None and problem.errno != errno.EPIPE and not self._terminal:
                self.problem = problem
            raise


def take_any_text() -> None:
    """Let output and error replace letters that their encoding lacks, and output know its errors.

    Whether a line is lost cannot be asked afterwards: a buffer forgets what it could not write.
    """
    out, errors = sys.stdout, sys.stderr
    assert isinstance(out, io.TextIOWrapper), "nothing has replaced it yet"
    assert isinstance(errors, io.TextIOWrapper), "nothing has replaced it yet"
    out.flush()
    sys.stdout = sys.__stdout__ = io.TextIOWrapper(  # type: ignore[misc]
        io.BufferedWriter(_Output()),
        encoding=out.encoding,
        errors="replace",
        line_buffering=out.line_buffering or out.write_through,
    )
    errors.reconfigure(errors="replace")


def finish_output() -> OSError | None:
    """Write what output still holds, and return the first error of writing to it.

    What could not be written is dropped; Python would complain of it once more.
    """
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return output_problem()


def output_problem() -> OSError | None:
    """Return the first error of writing to standard output so far."""
    raw = getattr(getattr(sys.stdout, "buffer", None), "raw", None)
    return raw.problem if isinstance(raw, _Output) else None
