"""The first two principal components are those of an SVD, with signs by a rule."""

from __future__ import annotations

import numpy as np
import pytest

from tui_balancer.history.components import Matrix, principal_components


def vectors_of(count: int, width: int) -> Matrix:
    """Return vectors whose directions differ in variance, away from the origin."""
    drawn = np.random.default_rng(count * width).standard_normal((count, width))
    vectors: Matrix = drawn / np.arange(1.0, width + 1) + 7.0
    return vectors


def decomposed(vectors: Matrix) -> tuple[Matrix, Matrix, Matrix]:
    """Return scores, axes and shares of the variance by numpy's SVD."""
    left, lengths, axes = np.linalg.svd(vectors - vectors.mean(axis=0), full_matrices=False)
    return left * lengths, axes, lengths**2 / (lengths**2).sum()


@pytest.mark.parametrize(("count", "width"), [(400, 60), (30, 90), (500, 3), (3, 2), (200, 17)])
def test_scores_and_shares_are_those_of_an_svd(count: int, width: int) -> None:
    vectors = vectors_of(count, width)
    scores, axes, shares = decomposed(vectors)
    found = principal_components(vectors.copy())
    assert found is not None
    assert found.shares == pytest.approx(shares[:2].tolist())
    for place in (0, 1):
        # The largest loading is positive.
        sign = np.sign(axes[place][np.abs(axes[place]).argmax()])
        np.testing.assert_allclose(found.scores[:, place], sign * scores[:, place], atol=1e-6)


def test_mirrored_vectors_have_mirrored_scores() -> None:
    vectors = vectors_of(50, 8)
    found, mirrored = principal_components(vectors.copy()), principal_components(-vectors)
    assert found is not None
    assert mirrored is not None
    np.testing.assert_allclose(found.scores, -mirrored.scores, atol=1e-6)


@pytest.mark.parametrize("vectors", [[[1.0], [4.0]], [[1.0, 2.0, 5.0], [4.0, 8.0, 1.0]]])
def test_in_one_direction_the_second_component_is_nothing(vectors: list[list[float]]) -> None:
    found = principal_components(np.array(vectors))
    assert found is not None
    assert found.shares == pytest.approx((1.0, 0.0))
    assert found.scores[:, 1].tolist() == [0.0, 0.0]
    assert found.scores[0, 0] == pytest.approx(-found.scores[1, 0])


@pytest.mark.parametrize("vectors", [np.ones((1, 5)), np.full((9, 3), 0.5)])
def test_equal_vectors_have_no_components(vectors: Matrix) -> None:
    assert principal_components(vectors) is None
