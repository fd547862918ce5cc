"""The cost, the alphabets and the buckets of distances."""

from __future__ import annotations

import pytest
import torch
from transformers.models.t5.modeling_t5 import T5Attention

from tui_balancer.embedding.families.t5.family import FAMILY, T5Shape
from tui_balancer.embedding.families.t5.weights import bucket
from tui_balancer.inputs.residues import clean


def _product(rows: int, inner: int, columns: int) -> int:
    return 2 * rows * inner * columns


@pytest.mark.parametrize("gated", [False, True])
def test_cost_counts_every_matrix_product_of_every_sequence(gated: bool) -> None:
    shape = T5Shape(3, width=10, heads=4, head_width=7, inner=50, gated=gated)
    expected = 0
    for length in (1, 37):
        expected += 3 * _product(length, 10, 28) + _product(length, 28, 10)
        expected += _product(length, 28, length) + _product(length, length, 28)
        expected += (2 if gated else 1) * _product(length, 10, 50) + _product(length, 50, 10)
    assert shape.flops(38, 1 + 37**2) == 3 * expected


def test_the_published_models_have_their_sizes() -> None:
    weights = {name: model.shape.weights / 1e6 for name, model in FAMILY.models.items()}
    # As the makers give them: 1.2 G in the encoder of ProtT5, 450 M and 1.15 G in those of Ankh.
    assert weights["prot_t5_xl_uniref50"] == weights["ProstT5"] == pytest.approx(1208, abs=1)
    assert weights["ankh-base"] == pytest.approx(453, abs=1)
    assert weights["ankh-large"] == pytest.approx(1151, abs=1)


def test_rare_amino_acids_are_read_as_x_and_one_token_may_stand_before_them() -> None:
    prot_t5, prost_t5 = (
        FAMILY.models[name].shape.alphabet for name in ("prot_t5_xl_uniref50", "ProstT5")
    )
    assert clean("MUZOBJXa", prot_t5) == clean("MUZOBJXa", prost_t5) == ("MXXXXXXA", 5)
    assert (prot_t5.before, prot_t5.after) == (0, 1)
    assert (prost_t5.before, prost_t5.after) == (1, 1)


@pytest.mark.parametrize(("buckets", "farthest"), [(32, 128), (64, 128), (32, 20)])
def test_distances_fall_into_transformers_buckets(buckets: int, farthest: int) -> None:
    distances = torch.arange(-5000, 5001)
    expected = T5Attention._relative_position_bucket(distances, True, buckets, farthest)
    assert torch.equal(bucket(distances, buckets, farthest), expected)
