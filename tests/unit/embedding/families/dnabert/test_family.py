"""DNABERT's sizes and cost."""

from __future__ import annotations

from math import prod

import pytest

from tests.support.dnabert import SIZES
from tui_balancer.embedding.families.dnabert.family import FAMILY, DnabertShape
from tui_balancer.embedding.families.dnabert.huggingface import parameter_shapes
from tui_balancer.embedding.families.table import MODELS

SHAPE = DnabertShape(SIZES.layers, SIZES.width, SIZES.heads, SIZES.inner, SIZES.vocabulary)


@pytest.mark.parametrize("name", ["DNABERT-2-117M", "DNABERT-S"])
def test_a_model_has_as_many_parameters_as_its_name_says(name: str) -> None:
    shape = MODELS[name]
    assert isinstance(shape, DnabertShape)
    pooler = shape.width**2 + shape.width
    assert round((sum(map(prod, parameter_shapes(shape).values())) + pooler) / 1e6) == 117


def test_flops_count_every_matrix_product() -> None:
    def product(rows: int, terms: int, columns: int) -> int:
        return 2 * rows * terms * columns

    length, width, inner = 50, SHAPE.width, SHAPE.inner
    projections = product(length, width, 3 * width) + product(length, width, width)
    feed_forward = product(length, width, 2 * inner) + product(length, inner, width)
    attention = product(length, width, length) + product(length, length, width)
    expected = SHAPE.layers * (projections + feed_forward + attention)
    assert SHAPE.flops(length, length**2) == expected


def test_a_sequence_costs_by_about_as_many_tokens_as_it_has() -> None:
    assert SHAPE.sequence_flops(500) == SHAPE.flops(102, 102**2)


def test_no_kind_has_a_row_for_each_base() -> None:
    assert FAMILY.kinds == ("mean", "bos")
