"""Which files a key acts on: the tagged ones, those that a filter leaves, or the one at hand."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

import numpy as np

from tui_balancer.formatting import count
from tui_balancer.ui.formatting import short_count
from tui_balancer.ui.state.file_rows import Numbers


class Reach(Enum):
    """How files come to be acted on; the value stands before `file` on the screen."""

    TAGGED = "tagged"
    SHOWN = "shown"
    CURSOR = ""


@dataclass(frozen=True, eq=False)
class Targets:
    """The files that an action would change.

    Attributes:
        reach: How they come to be.
        numbers: Their numbers: tagged ones in the order of the tags, others as they are shown.
        of: How many were looked at for some that the action applies to.
    """

    reach: Reach = Reach.CURSOR
    numbers: Numbers = field(default_factory=lambda: np.empty(0, np.intp))
    of: int = 0

    def __len__(self) -> int:
        return len(self.numbers)

    @property
    def note(self) -> str:
        """What a key's label says of them: `12 shown`; empty for the one under the cursor."""
        return f"{short_count(len(self))} {self.reach.value}" if self.reach.value else ""

    @property
    def noun(self) -> str:
        """What they are: `12 shown files`."""
        files = "file" if len(self) == 1 else "files"
        return " ".join(filter(None, (count(len(self)), self.reach.value, files)))
