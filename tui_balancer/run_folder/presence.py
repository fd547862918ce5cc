"""Checks that a run folder and its files still exist: other programs can remove them."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable
from pathlib import Path

from tui_balancer.formatting import listed, plural
from tui_balancer.inputs.text import terminal_safe

_NOT_THERE = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ESTALE})
"""What the system says of a path that leads nowhere; ESTALE is a network file system's word."""

MOST_OUTPUTS = 100_000
"""Of more files the outputs are not looked for at the end of a run: `verify` does that."""

_NAMED = 3


class FolderLost(Exception):
    """The run folder was removed or replaced; the message is one line."""


class Presence:
    """Knows files and folders by their inodes, whatever lies at their paths later.

    Args:
        folder: The run folder; it is held open, so that no other one can get its number.
        ledger: Its ledger, which is open as long as the run lasts.
    """

    def __init__(self, folder: Path, ledger: Path) -> None:
        self._descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        self._known = (
            ("The run folder", folder, os.fstat(self._descriptor)),
            ("The ledger", ledger, ledger.stat()),
        )

    def loss(self) -> str:
        """Say what is not there any more, in one line; empty while all is as it was."""
        for what, path, known in self._known:
            try:
                there = os.path.samestat(path.stat(), known)
            except OSError as problem:
                # One that cannot be looked at just now is not lost.
                there = problem.errno not in _NOT_THERE
            if not there:
                return (
                    f"{what} was removed or replaced during the run: {terminal_safe(str(path))}. "
                    "Restore it and resume, or start again."
                )
        return ""

    def close(self) -> None:
        """Close the folder."""
        os.close(self._descriptor)


def missing_outputs(folder: Path, outputs: Iterable[str]) -> str:
    """Say which published outputs are not there, in one line; empty if all are.

    Args:
        outputs: Of all finished files, as paths in the folder.
    """
    missing = [path for path in outputs if not os.path.lexists(f"{folder}/{path}")]
    if not missing:
        return ""
    named = listed([terminal_safe(path) for path in missing], _NAMED)
    are, them = ("is", "it") if len(missing) == 1 else ("are", "them")
    return (
        f"{plural(len(missing), 'output')} {are} missing: {named}. "
        f"Run the same command again to make {them}."
    )
