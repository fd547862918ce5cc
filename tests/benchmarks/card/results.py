"""What was measured, a JSON object a line; each is on the disk as soon as it is known."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Line = dict[str, Any]


@dataclass(frozen=True)
class Results:
    """A file of lines, which several processes may append to."""

    path: Path

    def write(self, kind: str, **facts: Any) -> None:
        """Append a line.

        Args:
            kind: `card`, `state`, `tried`, `rate`, `forward`, `kernels`, `workers`, `test`,
                `step`, `skipped` or `failed`.
            facts: The rest of the line.
        """
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"kind": kind, **facts}) + "\n")

    def failed(self, what: str, error: BaseException | str) -> None:
        """Append why something could not be measured."""
        words = error if isinstance(error, str) else f"{type(error).__name__}: {error}"
        self.write("failed", what=what, reason=" ".join(words.split())[:500])

    def lines(self, *kinds: str) -> Iterator[Line]:
        """Yield the lines of some kinds, without one that a killed process left unfinished."""
        for text in self.path.read_text(encoding="utf-8").splitlines():
            try:
                line = json.loads(text)
            except ValueError:
                continue
            if line["kind"] in kinds:
                yield line
