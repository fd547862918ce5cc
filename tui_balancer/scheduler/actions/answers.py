"""What a person is answered: what was done to which files, and why not to others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from tui_balancer.formatting import count, plural
from tui_balancer.scheduler.actions.refusal import Refused
from tui_balancer.scheduler.model import Unit
from tui_balancer.scheduler.state.state import SchedulerState


@dataclass(slots=True)
class Refusals:
    """The files that a command leaves alone, by the reason.

    Attributes:
        done: What is not done to them: `moved`.
    """

    done: str
    _names: dict[tuple[str, str], list[str]] = field(default_factory=dict)

    def add(self, name: str, reason: str, of_many: str = "") -> None:
        """Note why it is not done to a file; `of_many` is the same of several files."""
        self._names.setdefault((reason, of_many or reason), []).append(name)

    def __bool__(self) -> bool:
        return bool(self._names)

    def __str__(self) -> str:
        if not self:
            return "no file is chosen"
        refused = sum(map(len, self._names.values()))
        if refused == 1:
            ((reason, _), (name,)) = next(iter(self._names.items()))
            return f"not {self.done}: {name} {reason}"
        if len(self._names) == 1:
            ((_, reason),) = self._names
            return f"{count(refused)} not {self.done}: they {reason}"
        reasons = (
            f"{count(len(names))} {one if len(names) == 1 else many}"
            for (one, many), names in self._names.items()
        )
        return f"{count(refused)} not {self.done}: {', '.join(reasons)}"


def report(
    state: SchedulerState,
    units: Sequence[Unit],
    text: str,
    refusals: Refusals,
    many: str = "",
) -> str:
    """Note that queues have changed, and return the answer.

    Args:
        units: What it was done to.
        text: For one file, with `{}` for its name.
        refusals: What it was not done to.
        many: For several files, where the words differ.

    Raises:
        Refused: It was done to none.
    """
    if not units:
        raise Refused(str(refusals))
    state.balancer.forget()
    state.changed()
    if len(units) == 1:
        message = text.format(units[0].name)
    else:
        message = (many or text).format(plural(sum(unit.files for unit in units), "file"))
    return f"{message}; {refusals}" if refusals else message
