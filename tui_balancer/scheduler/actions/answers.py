"""The message after a command: what changed for which files, and why not for others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from tui_balancer.formatting import count, plural
from tui_balancer.scheduler.actions.refusal import Refused
from tui_balancer.scheduler.model import Unit
from tui_balancer.scheduler.state.state import SchedulerState


@dataclass(slots=True)
class Refusals:
    """The files that a command does not change, by reason.

    Attributes:
        done: The action that was not done: `moved`.
    """

    done: str
    _names: dict[tuple[str, str], list[str]] = field(default_factory=dict)

    def add(self, name: str, reason: str, of_many: str = "") -> None:
        """Add a file with the reason; `of_many` is the reason in the plural."""
        self.add_all([name], reason, of_many)

    def add_all(self, names: Sequence[str], reason: str, of_many: str = "") -> None:
        """Add files with the same reason."""
        if names:
            self._names.setdefault((reason, of_many or reason), []).extend(names)

    def __bool__(self) -> bool:
        return bool(self._names)

    def __str__(self) -> str:
        if not self:
            return "no file is selected"
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
    """Record that queues have changed, and return the message.

    Args:
        units: The changed units.
        text: For one file, with `{}` for its name.
        refusals: The unchanged files.
        many: For several files, if the text differs.

    Raises:
        Refused: No file was changed.
    """
    if not units:
        raise Refused(str(refusals))
    state.balancer.forget()
    state.changed()
    if len(units) == 1:
        message = text.format(units[0].name)
    else:
        message = (many or text).format(plural(sum([unit.files for unit in units]), "file"))
    return f"{message}; {refusals}" if refusals else message
