"""DNABERT's folders in Hugging Face's format: read as they are, or refused with the reason."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from tests.support.checkpoints import change_config, change_tensors
from tests.support.dnabert import SIZES, make_folder, random_weights
from tui_balancer.embedding.checkpoints.tensors import NotOfFamily
from tui_balancer.embedding.families.code import load, resolve
from tui_balancer.embedding.families.dnabert.family import DnabertShape
from tui_balancer.embedding.families.dnabert.huggingface import read
from tui_balancer.embedding.families.requests import CheckpointModel
from tui_balancer.embedding.models import ModelSource
from tui_balancer.errors import UserError

SHAPE = DnabertShape(SIZES.layers, SIZES.width, SIZES.heads, SIZES.inner, SIZES.vocabulary)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return make_folder(tmp_path / "tiny")


@pytest.mark.parametrize("prefix", ["", "bert."])
@pytest.mark.parametrize("pickled", [False, True])
def test_a_folder_is_read_however_it_was_saved(tmp_path: Path, prefix: str, pickled: bool) -> None:
    folder = make_folder(tmp_path / "tiny", prefix=prefix, pickled=pickled)
    source = resolve(CheckpointModel(folder))
    assert (source.shape, source.name) == (SHAPE, "tiny")
    weights = load(source).weights  # type: ignore[attr-defined]
    expected = {
        name: value for name, value in random_weights().items() if not name.startswith("pooler")
    }
    assert weights.keys() == expected.keys()
    assert all(torch.equal(weights[name], value) for name, value in expected.items())


def test_code_that_comes_with_a_folder_is_never_executed(folder: Path) -> None:
    trap = folder / "executed"
    (folder / "bert_layers.py").write_text(f"open({str(trap)!r}, 'w')\n")
    load(resolve(CheckpointModel(folder)))
    assert not trap.exists()


@pytest.mark.parametrize(
    "changes", [{"model_type": "esm"}, {"model_type": "t5"}, {"alibi_starting_size": None}]
)
def test_another_model_is_of_another_family(folder: Path, changes: dict[str, object]) -> None:
    change_config(folder, **changes)
    with pytest.raises(NotOfFamily, match="DNABERT"):
        read(folder)


def test_the_makers_first_files_name_no_type(folder: Path) -> None:
    change_config(folder, model_type=None)
    assert read(folder).shape == SHAPE


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"hidden_size": None}, "does not name num_hidden_layers"),
        ({"num_attention_heads": 5}, "heads do not share"),
        ({"hidden_act": "relu"}, "its hidden_act is 'relu', not 'gelu'"),
        ({"layer_norm_eps": 1e-5}, "its layer_norm_eps is 1e-05, not 1e-12"),
        ({"num_hidden_layers": 4}, r"encoder\.layer\.3\..* is missing"),
        ({"num_hidden_layers": 2}, r"encoder\.layer\.2\..* is unknown"),
        ({"intermediate_size": 81}, r"mlp\..*\.weight has the wrong shape"),
    ],
)
def test_what_does_not_fit_is_refused(
    folder: Path, changes: dict[str, object], reason: str
) -> None:
    change_config(folder, **changes)
    with pytest.raises(UserError, match=reason):
        read(folder)


def test_a_tensor_of_the_body_that_is_not_known_is_refused(folder: Path) -> None:
    change_tensors(folder, **{"bert.encoder.rotary": torch.zeros(1)})
    with pytest.raises(UserError, match=r"encoder\.rotary is unknown"):
        read(folder)


def test_a_model_with_another_tokenizer_is_another_model(folder: Path) -> None:
    source = resolve(CheckpointModel(folder))
    load(source)
    path = folder / "tokenizer.json"
    changed = json.loads(path.read_text())
    first, *others = changed["model"]["merges"]
    changed["model"]["merges"] = [*others, first]
    path.write_text(json.dumps(changed))
    assert resolve(CheckpointModel(folder)).sha256 != source.sha256
    with pytest.raises(UserError, match="not the model that the run began with"):
        load(source)


def test_an_untrained_model_has_the_weights_of_its_seed() -> None:
    sources = [ModelSource("untrained tiny", "tiny", SHAPE, None, "", seed) for seed in (1, 1, 2)]
    one, same, other = (load(source).sha256 for source in sources)
    assert one == same != other
