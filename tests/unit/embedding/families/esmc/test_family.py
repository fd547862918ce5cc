"""The published sizes of ESM C, and what a forward pass costs."""

from __future__ import annotations

from math import prod

import pytest

from tui_balancer.embedding.families.esmc.family import EsmcShape
from tui_balancer.embedding.families.esmc.names import parameter_shapes
from tui_balancer.embedding.families.table import MODELS


def shape_of(name: str) -> EsmcShape:
    shape = MODELS[name]
    assert isinstance(shape, EsmcShape)
    return shape


def test_the_smallest_model_is_as_large_as_its_published_file() -> None:
    shape = shape_of("esmc_300m")
    body = sum(map(prod, parameter_shapes(shape).values()))
    dense, norm, decoder = shape.width**2 + shape.width, 2 * shape.width, 64 * shape.width + 64
    published = 1_332_095_738  # bytes of esmc_300m_2024_12_v0.pth, names and all.
    numbers = 4 * (body + dense + norm + decoder)
    assert 0 < published - numbers < 200_000


@pytest.mark.parametrize(
    ("name", "inner"), [("esmc_300m", 2560), ("esmc_600m", 3072), ("esmc_6b", 6912)]
)
def test_the_feed_forward_is_as_wide_as_published(name: str, inner: int) -> None:
    assert shape_of(name).inner == inner


@pytest.mark.parametrize("name", ["esmc_300m", "esmc_600m", "esmc_6b"])
def test_cost_counts_every_matrix_product_of_every_sequence(name: str) -> None:
    shape, lengths = shape_of(name), (1, 37, 2048)

    def product(rows: int, inner: int, columns: int) -> int:
        return 2 * rows * inner * columns

    width, inner = shape.width, shape.inner
    expected = sum(
        shape.layers
        * (
            4 * product(length, width, width)
            + 3 * product(length, width, inner)
            + 2 * product(length, width, length)
        )
        for length in lengths
    )
    assert shape.flops(sum(lengths), sum(n * n for n in lengths)) == expected


def test_weights_are_those_of_the_matrices() -> None:
    shape = shape_of("esmc_600m")
    names = parameter_shapes(shape).items()
    matrices = sum(prod(size) for name, size in names if len(size) == 2 and "embed" not in name)
    assert shape.weights == matrices
