"""The cost of a file is the arithmetic of its forward passes."""

from __future__ import annotations

from tui_balancer.embedding.families.table import MODELS


def multiplications_and_additions(layers: int, width: int, length: int) -> int:
    """Count a transformer's matrix products one by one, two operations a product term."""

    def product(rows: int, inner: int, columns: int) -> int:
        return 2 * rows * inner * columns

    projections = 4 * product(length, width, width)
    feed_forward = product(length, width, 4 * width) + product(length, 4 * width, width)
    attention = product(length, width, length) + product(length, length, width)
    return layers * (projections + feed_forward + attention)


def test_cost_counts_every_matrix_product_of_every_sequence() -> None:
    lengths = [1, 37, 1024]
    expected = sum(multiplications_and_additions(6, 320, length) for length in lengths)
    shape = MODELS["esm2_t6_8M_UR50D"]
    assert shape.flops(sum(lengths), sum(n * n for n in lengths)) == expected
    assert shape.sequence_flops(35) == multiplications_and_additions(6, 320, 37)


def test_one_long_sequence_costs_more_than_its_pieces() -> None:
    shape = MODELS["esm2_t33_650M_UR50D"]
    assert shape.flops(1000, 1000**2) > 10 * shape.flops(100, 100**2)
