"""Which files a key acts on: tagged files, filtered files, or the one under the cursor."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

import numpy as np

from tui_balancer.formatting import count
from tui_balancer.ui.formatting import short_count
from tui_balancer.ui.state.file_rows import Numbers


class Reach(Enum):
    """How the files were selected; the value stands before `file` on the screen."""

    TAGGED = "tagged"
    SHOWN = "shown"
    CURSOR = ""


@dataclass(frozen=True, eq=False)
class Targets:
    """The files that an action changes.

    Attributes:
        reach: How they were selected.
        numbers: Their numbers: tagged ones in the order of tagging, others as shown.
        of: Number of selected files, including those that the action does not apply to.
    """

    reach: Reach = Reach.CURSOR
    numbers: Numbers = field(default_factory=lambda: np.empty(0, np.intp))
    of: int = 0

    def __len__(self) -> int:
        return len(self.numbers)

    @property
    def note(self) -> str:
        """Text for a key's label: `12 shown`; empty for the one under the cursor."""
        return f"{short_count(len(self))} {self.reach.value}" if self.reach.value else ""

    @property
    def noun(self) -> str:
        """Description: `12 shown files`."""
        files = "file" if len(self) == 1 else "files"
        return " ".join(filter(None, (count(len(self)), self.reach.value, files)))
