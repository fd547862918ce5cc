"""The rows of the list of problems: groups, and the files of unfolded groups."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Hashable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import overload

from tui_balancer.view.problems import FailureGroup, Group, Place


@dataclass(frozen=True, slots=True)
class GroupRow:
    """A group when the list was made; the display may have been frozen since.

    Attributes:
        group: The group in its current state.
        count: Number of failed files, or the count of a warning.
        waiting: Number of files that wait after a retry.
        example: The first place; None if unknown.
        unfolded: Whether its files are listed; None if it has none to list.
    """

    group: Group
    count: int
    waiting: int
    example: Place | None
    unfolded: bool | None

    @property
    def key(self) -> Hashable:
        """Unique key of the row."""
        return self.group.severity, self.group.key


@dataclass(frozen=True, slots=True)
class FailedRow:
    """A failed file of an unfolded group."""

    group: FailureGroup
    number: int
    place: Place

    @property
    def key(self) -> Hashable:
        """Unique key of the row."""
        return self.number


ProblemRow = GroupRow | FailedRow


class ProblemRows(Sequence[ProblemRow]):
    """The rows; those of files are made on access.

    Args:
        groups: The groups, in order.
        unfolded: Keys of the groups whose files are listed.
    """

    def __init__(self, groups: Sequence[Group] = (), unfolded: Collection[Hashable] = ()) -> None:
        self._heads = [_group_row(group, unfolded) for group in groups]
        self._files = [
            list(head.group.files.items())
            if head.unfolded and isinstance(head.group, FailureGroup)
            else []
            for head in self._heads
        ]
        self._starts = list(accumulate((1 + len(files) for files in self._files), initial=0))

    def __len__(self) -> int:
        return self._starts[-1]

    @overload
    def __getitem__(self, index: int) -> ProblemRow: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[ProblemRow]: ...

    def __getitem__(self, index: int | slice) -> ProblemRow | Sequence[ProblemRow]:
        if isinstance(index, slice):
            return [self[place] for place in range(*index.indices(len(self)))]
        if not 0 <= index < len(self):
            raise IndexError(index)
        part = bisect_right(self._starts, index) - 1
        head, place = self._heads[part], index - self._starts[part] - 1
        if place < 0 or not isinstance(head.group, FailureGroup):
            return head
        return FailedRow(head.group, *self._files[part][place])


def _group_row(group: Group, unfolded: Collection[Hashable]) -> GroupRow:
    failed = isinstance(group, FailureGroup)
    return GroupRow(
        group,
        group.count,
        len(group.waiting) if isinstance(group, FailureGroup) else 0,
        next(iter(group.examples), None),
        group.key in unfolded if failed else None,
    )
