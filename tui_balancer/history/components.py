"""The first two principal components of many vectors, by numpy alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]

_BLOCK: Final = 16
"""Directions that are iterated together: the more, the fewer steps until the first two stand."""

_STEPS: Final = 100
"""At most. Where they do not suffice, the spectrum is so flat that any direction is as good."""

_TOLERANCE: Final = 1e-9
"""Of what is left of an image across its axis, as a share of the first eigenvalue."""

_NOISE: Final = 1e-20
"""Share of the variance that comes of rounding alone."""

_SEED: Final = 0


@dataclass(frozen=True, slots=True)
class Components:
    """Vectors on their first two principal components.

    Attributes:
        scores: float64, of shape (n, 2); the second column is 0 where there is one direction only.
        shares: Of the variance, on each of the two, in [0, 1].
    """

    scores: Matrix
    shares: tuple[float, float]


def principal_components(vectors: Matrix) -> Components | None:
    """Return vectors on their first two principal components; None if all are the same.

    A block power iteration on the scatter matrix, D × D: an SVD of 5,000 vectors of 1,280 numbers
    takes half a minute on a slow core, this a second. The sign of a component is that for which
    its largest loading is positive, so equal vectors have equal scores.

    Args:
        vectors: float64, of shape (n, D), all finite; they are centred in place.
    """
    vectors -= vectors.mean(axis=0)
    total = float(np.square(vectors).sum())
    if total == 0:
        return None
    axes = _first_axes(vectors.T @ vectors)
    axes *= np.sign(axes[np.abs(axes).argmax(axis=0), range(axes.shape[1])])
    scores = np.zeros((len(vectors), 2))
    scores[:, : axes.shape[1]] = vectors @ axes
    first, second = np.square(scores).sum(axis=0) / total
    if second < _NOISE:
        scores[:, 1], second = 0, 0
    return Components(scores, (float(first), float(second)))


def _first_axes(scatter: Matrix) -> Matrix:
    """Return the first eigenvectors, two or as many as there are: of shape (D, 2), orthonormal."""
    width = len(scatter)
    axes = np.random.default_rng(_SEED).standard_normal((width, min(_BLOCK, width)))
    for _ in range(_STEPS):
        axes, _ = np.linalg.qr(axes)
        images = scatter @ axes
        values, turn = np.linalg.eigh(axes.T @ images)
        # eigh sorts upwards.
        values, turn = values[::-1], turn[:, ::-1]
        found, images = axes @ turn, images @ turn
        errors = np.linalg.norm(images[:, :2] - found[:, :2] * values[:2], axis=0)
        axes = images
        if errors.max() <= _TOLERANCE * values[0]:
            break
    first: Matrix = found[:, :2]
    return first
