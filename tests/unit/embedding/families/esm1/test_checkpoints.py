"""Checkpoints of ESM-1, 1b and 1v: read as fair-esm reads them, or refused in one line."""

from __future__ import annotations

import argparse
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.support.checkpoints import make_checkpoint, make_esm1_checkpoint
from tests.support.fair_esm import load_model, read_checkpoint
from tui_balancer.embedding.checkpoints.caches import cached_checkpoint
from tui_balancer.embedding.embedder import Embedder
from tui_balancer.embedding.families.code import code_of, load, resolve
from tui_balancer.embedding.families.esm1.family import FAMILY, Esm1bShape, Esm1Shape
from tui_balancer.embedding.families.esm2.family import Esm2Shape
from tui_balancer.embedding.families.limits import default_max_length, refuse_beyond_limits
from tui_balancer.embedding.families.requests import CheckpointModel, NamedModel, UntrainedModel
from tui_balancer.embedding.settings import EmbeddingSettings
from tui_balancer.errors import UserError
from tui_balancer.representations import kinds_named

torch.set_num_threads(1)

ESM1B, ESM1V = "esm1b_t33_650M_UR50S", "esm1v_t33_650M_UR90S_3"


@pytest.mark.parametrize("name", FAMILY.models)
def test_a_model_has_as_many_weights_as_its_name_says(name: str) -> None:
    millions = float(name.split("_")[2].rstrip("M"))
    assert FAMILY.models[name].shape.weights / 1e6 == pytest.approx(millions, rel=0.03)


@pytest.mark.parametrize("architecture", ["roberta_large", "protein_bert_base"])
def test_a_checkpoint_loads_as_fair_esm_itself_loads_it(architecture: str, tmp_path: Path) -> None:
    path = make_esm1_checkpoint(tmp_path / "mine.pt", architecture, layers=3, width=48, heads=6)
    source = resolve(CheckpointModel(path))
    kind = Esm1bShape if architecture == "roberta_large" else Esm1Shape
    assert source.shape == kind(3, 48, 6)
    loaded, (theirs, alphabet) = load(source), load_model(path)
    ours = loaded.model.state_dict()  # type: ignore[attr-defined]
    for key, value in theirs.state_dict().items():
        if key.endswith(("embed_tokens.weight", "lm_head.weight")):
            # fair-esm clears what no sequence has: the mask.
            ours[key], value = ours[key].clone(), value.clone()
            ours[key][alphabet.mask_idx] = value[alphabet.mask_idx] = 0
        if not key.startswith("contact_head."):
            assert torch.equal(ours[key], value), key


def test_each_family_reads_its_own_files(tmp_path: Path) -> None:
    esm2, esm1 = make_checkpoint(tmp_path / "2.pt"), make_esm1_checkpoint(tmp_path / "1.pt")
    assert isinstance(resolve(CheckpointModel(esm2)).shape, Esm2Shape)
    assert isinstance(resolve(CheckpointModel(esm1)).shape, Esm1bShape)


def altered(path: Path, **arguments: object) -> dict[str, Any]:
    data = read_checkpoint(path)
    data["args"] = argparse.Namespace(**(vars(data["args"]) | arguments))
    return data


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"arch": "msa_transformer"}, "its architecture is 'msa_transformer'"),
        ({"arch": ["roberta_large"]}, r"its architecture is \['roberta_large'\]"),
        ({"encoder_layers": 0}, "does not name its layers, width and heads"),
        ({"encoder_attention_heads": 7}, "does not name its layers, width and heads"),
        ({"max_positions": 2}, "does not name its layers, width and heads"),
        ({"max_positions": 100}, r"embed_positions\.weight has the wrong shape"),
        ({"encoder_layers": 3}, r"layers\.2\..* is missing"),
    ],
)
def test_arguments_of_another_model_are_refused(
    arguments: dict[str, object], message: str, tmp_path: Path
) -> None:
    path = make_esm1_checkpoint(tmp_path / "a.pt")
    torch.save(altered(path, **arguments), path)
    with pytest.raises(UserError, match=message) as caught:
        resolve(CheckpointModel(path))
    assert "\n" not in str(caught.value)


def test_learned_positions_limit_the_length(tmp_path: Path) -> None:
    path = make_esm1_checkpoint(tmp_path / "short.pt", positions=12)
    source = resolve(CheckpointModel(path))
    assert source.shape.longest == default_max_length(source.shape) == 10
    asked: dict[str, Any] = {"repr_layers": (-1,), "include": ("mean",), "reference": False}
    refuse_beyond_limits(source.shape, max_length=10, **asked)
    with pytest.raises(UserError, match="--max-length 11 is more than the 10 residues"):
        refuse_beyond_limits(source.shape, max_length=11, **asked)
    embedder = Embedder(load(source), "cpu:0", EmbeddingSettings(max_length=10))
    assert embedder.embed(["MKVLAAGIST"]).isfinite().all()
    assert FAMILY.models[ESM1B].shape.longest == 1022
    assert FAMILY.models["esm1_t6_43M_UR50S"].shape.longest is None


def test_a_named_model_is_taken_from_torchs_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    make_esm1_checkpoint(cached_checkpoint(ESM1B))
    with pytest.raises(UserError, match=f"is not {ESM1B}: delete it to download it again"):
        resolve(NamedModel(ESM1B))
    small = Esm1bShape(2, 40, 4)
    monkeypatch.setattr("tui_balancer.embedding.checkpoints.sources.MODELS", {ESM1B: small})
    assert resolve(NamedModel(ESM1B)).checkpoint == cached_checkpoint(ESM1B)


def test_esm1v_predicts_no_contacts(tmp_path: Path) -> None:
    path = make_esm1_checkpoint(tmp_path / f"{ESM1V}.pt", norm_before=False)
    request = CheckpointModel(path)
    code, source = code_of("esm1"), resolve(request)
    code.require(source, request, kinds_named(["mean"]), None, None)
    with pytest.raises(UserError, match=f"no contact regression for {ESM1V}: leave contacts out"):
        code.require(source, request, kinds_named(["contacts"]), None, None)


@pytest.mark.parametrize("shape", [Esm1bShape(2, 40, 4), Esm1Shape(2, 40, 4)])
def test_untrained_models_are_repeatable(shape: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    tables = "tui_balancer.embedding.families.requests.MODELS"
    monkeypatch.setattr(tables, {ESM1B: shape})
    first, second, other = (load(UntrainedModel(ESM1B, seed).source()) for seed in (3, 3, 4))
    assert first.sha256 == second.sha256 != other.sha256
    settings = EmbeddingSettings(include=("mean", "bos"))
    one, again = (Embedder(model, "cpu:0", settings).embed(["MKV"]) for model in (first, second))
    assert torch.equal(one, again)
    assert one.isfinite().all()


def test_shapes_differ_by_all_that_they_say() -> None:
    assert Esm1bShape(2, 40, 4) != Esm1Shape(2, 40, 4)
    assert [one.name for one in fields(Esm1bShape)] == ["layers", "width", "heads", "positions"]
