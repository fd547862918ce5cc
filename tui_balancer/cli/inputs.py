"""Inputs from a list file and from standard input."""

from __future__ import annotations

import filecmp
import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from tui_balancer.errors import UserError
from tui_balancer.inputs.finding.discovery import require_inputs
from tui_balancer.ledger.reading import is_blank
from tui_balancer.ledger.schema import LEDGER_NAME

STDIN = "/dev/stdin"
"""Names of standard input on the command line."""

STDIN_NAME = "stdin.fasta"
"""The copy of standard input in the run folder, for workers and `resume`."""


def named_inputs(
    given: Sequence[str | Path], listed: Path | None, output: Path | None
) -> tuple[str, ...]:
    """Return the inputs with those of a list, and with a file instead of standard input.

    Args:
        given: As on the command line.
        listed: A list file, see `options.Listed`.
        output: The run folder, which gets the copy of standard input; None without one.

    Raises:
        UserError: The list or standard input is unreadable, an entry of the list is missing
            in a new run, or standard input differs from the earlier copy.
    """
    inputs = tuple(map(str, given))
    if listed is not None:
        entries = _entries(listed)
        if output is None or is_blank(output / LEDGER_NAME):
            _require(listed, entries)
        inputs += tuple(entries.values())
    if STDIN not in inputs:
        return inputs
    if output is None:
        raise UserError("only run reads standard input: name a file")
    kept = str(_kept_stdin(output))
    return tuple(dict.fromkeys(kept if one == STDIN else one for one in inputs))


def _entries(listed: Path) -> dict[int, str]:
    """Return the entries of a list by line number, from 1."""
    try:
        text = listed.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as problem:
        reason = getattr(problem, "strerror", None) or "it is not UTF-8 text"
        raise UserError(f"cannot read the list {listed}: {reason}") from None
    # Concatenated lists may have byte-order marks inside.
    lines = (line.strip("\N{ZERO WIDTH NO-BREAK SPACE}").strip() for line in text.split("\n"))
    names = {
        number: line
        for number, line in enumerate(lines, start=1)
        if line and not line.startswith("#")
    }
    if not names:
        raise UserError(f"the list {listed} names no input")
    return names


def _require(listed: Path, entries: dict[int, str]) -> None:
    """Check quickly that the entries of a list exist.

    Raises:
    UserError: One does not; the message has its line number.
    """
    for line, name in entries.items():
        try:
            require_inputs([name])
        except UserError as problem:
            raise UserError(f"{listed} line {line}: {problem}") from None


def _kept_stdin(output: Path) -> Path:
    """Copy standard input into the run folder, and return its path.

    A run that starts again must get the same text; another one is refused.
    """
    if sys.stdin.isatty():
        raise UserError("standard input is a terminal: pipe a file into it")
    kept = output.absolute() / STDIN_NAME
    try:
        output.mkdir(parents=True, exist_ok=True)
        came = output / f"{STDIN_NAME}.{os.getpid()}.tmp"
        try:
            with came.open("wb") as file:
                shutil.copyfileobj(sys.stdin.buffer, file)
            if not kept.exists():
                came.rename(kept)
            elif not filecmp.cmp(came, kept, shallow=False):
                raise UserError(f"{kept} contains another text: choose another --output")
        finally:
            came.unlink(missing_ok=True)
    except OSError as problem:
        reason = problem.strerror or problem
        raise UserError(f"cannot copy standard input to {output}: {reason}") from None
    return kept
