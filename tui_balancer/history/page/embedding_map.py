"""A map of a run's embeddings in the terms of SVG: a mark a sequence, coloured by file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from tui_balancer.errors import UserError
from tui_balancer.formatting import count, plural
from tui_balancer.history.components import Matrix, principal_components
from tui_balancer.history.page.axes import Tick, score_ticks
from tui_balancer.history.page.timeline import WIDTH
from tui_balancer.history.vector_sample import VectorSample
from tui_balancer.inputs.text import terminal_safe

HEIGHT: Final = 520.0

COLOURS: Final = 5
"""That colour-blind eyes tell apart; the next five files have them again, with diamonds."""

MOST_FILES: Final = 2 * COLOURS
"""Number of files with their own mark; the others share a grey one."""

_REST: Final = "file-rest"

_MARGIN: Final = 0.03
"""Of a range, so that no mark lies on the frame."""

_LONGEST_NAME: Final = 80


@dataclass(frozen=True, slots=True)
class Point:
    """A sequence: its place in units of the picture, and its name."""

    x: float
    y: float
    title: str


@dataclass(frozen=True, slots=True)
class FileGroup:
    """The sequences of a file, or of all files without their own mark.

    Attributes:
        name: Of the file, with its number of sequences.
        mark: CSS class of the colour.
        diamonds: Whether they are drawn as diamonds, not as dots.
        points: In the order of the inputs.
    """

    name: str
    mark: str
    diamonds: bool
    points: tuple[Point, ...]


@dataclass(frozen=True, slots=True)
class EmbeddingMap:
    """The picture.

    Attributes:
        groups: Largest file first, all others last.
        across: Marks of the first component.
        up: Marks of the second one.
        labels: What the two axes are.
        caption: What is drawn.
        left_out: Which outputs could not be read; empty if all could.
    """

    groups: tuple[FileGroup, ...]
    across: tuple[Tick, ...]
    up: tuple[Tick, ...]
    labels: tuple[str, str]
    caption: str
    left_out: str

    @property
    def drawn(self) -> tuple[FileGroup, ...]:
        """The groups in the order they are drawn: what is small lies on top."""
        return tuple(sorted(self.groups, key=lambda group: group.mark != _REST))


def embedding_map(sample: VectorSample) -> EmbeddingMap:
    """Return the map of a sample, whose vectors are centred by it.

    Raises:
        UserError: All vectors are the same.
    """
    found = principal_components(sample.vectors)
    if found is None:
        raise UserError("all vectors are the same")
    (left, right), (low, high) = (_range(scores) for scores in found.scores.T)
    places = np.column_stack(
        (
            (found.scores[:, 0] - left) / (right - left) * WIDTH,
            (high - found.scores[:, 1]) / (high - low) * HEIGHT,
        )
    )
    return EmbeddingMap(
        groups=_groups(sample, places),
        across=score_ticks(left, right, WIDTH),
        up=tuple(
            Tick(HEIGHT - tick.at, tick.text) for tick in score_ticks(low, high, HEIGHT, marks=6)
        ),
        labels=(_label("First", found.shares[0]), _label("Second", found.shares[1])),
        caption=_caption(sample),
        left_out=_left_out(sample.problems),
    )


def _label(which: str, share: float) -> str:
    return f"{which} principal component: {share:.1%} of the variance"


def _caption(sample: VectorSample) -> str:
    shown, there = len(sample.ids), sum(sample.counts)
    part = f"{count(shown)} of " if shown < there else ""
    return f"{part}{plural(there, 'sequence')}, by the {sample.what}"


def _left_out(problems: tuple[str, ...]) -> str:
    return f"{plural(len(problems), 'output')} left out. {problems[0]}" if problems else ""


def _range(scores: Matrix) -> tuple[float, float]:
    """Return where an axis begins and ends."""
    low, high = float(scores.min()), float(scores.max())
    margin = (high - low) * _MARGIN or 1.0
    return low - margin, high + margin


def _groups(sample: VectorSample, places: Matrix) -> tuple[FileGroup, ...]:
    largest = sorted(range(len(sample.names)), key=lambda file: -sample.counts[file])
    own = {file: rank for rank, file in enumerate(largest[:MOST_FILES])}
    points: dict[int, list[Point]] = {rank: [] for rank in range(MOST_FILES + 1)}
    for id, file, (x, y) in zip(sample.ids, sample.files, places.tolist(), strict=True):
        title = f"{terminal_safe(id, _LONGEST_NAME)} in {_name(sample.names[file])}"
        points[own.get(file, MOST_FILES)].append(Point(x, y, title))
    groups = [
        FileGroup(
            f"{_name(sample.names[file])} ({count(sample.counts[file])})",
            f"file-{rank % COLOURS}",
            rank >= COLOURS,
            tuple(points[rank]),
        )
        for file, rank in own.items()
    ]
    if rest := len(sample.names) - len(own):
        groups.append(
            FileGroup(plural(rest, "other file"), _REST, False, tuple(points[MOST_FILES]))
        )
    return tuple(groups)


def _name(name: str) -> str:
    return terminal_safe(name, _LONGEST_NAME)
