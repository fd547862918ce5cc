"""Weights of models that were never trained."""

from __future__ import annotations

from pathlib import Path

import torch

from tui_balancer.embedding.families.requests import UntrainedModel
from tui_balancer.embedding.families.seeded import Weights, random_weights, seeded_weights

torch.set_num_threads(1)

SHAPES = {
    "layer.1.weight": (300, 400),
    "layer.2.weight": (300, 400),
    "layer.1.bias": (400,),
    "norm.weight": (400,),
}


def make() -> Weights:
    return random_weights(SHAPES)


def test_random_weights_keep_the_size_of_what_goes_through_them() -> None:
    weights, _ = seeded_weights(UntrainedModel("esm2_t6_8M_UR50D", 0).source(), make)
    assert {name: tuple(value.shape) for name, value in weights.items()} == SHAPES
    states = torch.randn(50, 400, generator=torch.Generator().manual_seed(1))
    out = states @ weights["layer.1.weight"].T
    assert 0.8 < float(out.std() / states.std()) < 1.25
    assert not torch.equal(weights["layer.1.weight"], weights["layer.2.weight"])
    assert abs(float(weights["layer.1.bias"].mean())) < 0.02
    assert abs(float(weights["norm.weight"].mean()) - 1) < 0.02


def test_models_and_seeds_that_share_a_folder_keep_their_own_weights(tmp_path: Path) -> None:
    asked = [
        UntrainedModel(name, seed).source()
        for name in ("esm2_t6_8M_UR50D", "esm2_t12_35M_UR50D")
        for seed in (0, 1)
    ]
    here = [seeded_weights(source, make, tmp_path) for source in asked]
    assert len(list(tmp_path.glob("*.pt"))) == len(asked)
    # The random numbers are the seed's, whichever the model.
    assert [checksum for _, checksum in here[:2]] == [checksum for _, checksum in here[2:]]
    assert here[0][1] != here[1][1]
    again, checksum = seeded_weights(asked[0], lambda: {}, tmp_path)
    assert checksum == here[0][1]
    assert all(torch.equal(again[name], value) for name, value in here[0][0].items())
