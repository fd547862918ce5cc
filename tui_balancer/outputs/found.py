"""Finds the files of outputs in a run folder, finished or not, by name."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_NAME = re.compile(
    r"(?P<stem>.*_[A-Za-z0-9-]+)(?P<suffix>\.[a-z0-9]+)"
    r"(?P<unfinished>\.[0-9]+\.tmp|(\.[0-9]+)?\.partial)?",
    re.DOTALL,
)
_SHARD = re.compile(r"\.shard[0-9]+")


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A file or folder of an output.

    Attributes:
        folder: Where it is.
        name: Its name there.
        stem: Its output's path in the run folder, without the suffix.
        suffix: Of the output, `.pt`, or of a shard, `.shard3`.
        unfinished: What follows, `.3.tmp` or `.partial`; empty for one that is complete.
    """

    folder: Path
    name: str
    stem: str
    suffix: str
    unfinished: str

    @property
    def path(self) -> Path:
        """Its path."""
        return self.folder / self.name

    @property
    def is_temporary(self) -> bool:
        """Whether an attempt writes or wrote it."""
        return self.unfinished.endswith(".tmp")

    @property
    def is_shard(self) -> bool:
        """Whether it belongs to a shard."""
        return _SHARD.fullmatch(self.suffix) is not None

    @property
    def is_partial(self) -> bool:
        """Whether it holds finished batches, or a shard, until the output is there."""
        return self.unfinished.endswith(".partial") or (self.is_shard and not self.unfinished)


def find_output_files(folder: Path, outputs: Sequence[str]) -> list[FoundFile]:
    """Return what lies in a run folder under the names of some outputs, in any format.

    Only the folders of these outputs are searched; one that cannot be searched holds nothing.

    Args:
        folder: The run folder.
        outputs: Paths in it, in any format.
    """
    parents = sorted({output.rpartition("/")[0] for output in outputs})
    found = [one for parent in parents for one in _in(folder, parent)]
    # Of the outputs there may be a million, of such files there are few as a rule.
    stems = {one.stem for one in found}
    stems.intersection_update(output.rpartition(".")[0] for output in outputs)
    return [one for one in found if one.stem in stems]


def _in(folder: Path, parent: str) -> Iterator[FoundFile]:
    place = folder / parent
    names: list[str] = []
    with suppress(OSError):
        names = sorted(entry.name for entry in os.scandir(place))
    for name in names:
        if match := _NAME.fullmatch(name):
            stem = f"{parent}/{match['stem']}" if parent else match["stem"]
            yield FoundFile(place, name, stem, match["suffix"], match["unfinished"] or "")
