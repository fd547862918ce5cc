"""All kinds of all layers equal what fair-esm's `extract.py` takes from its own forward pass."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
import torch

from tests.support.checkpoints import make_checkpoint, make_hugging_face_folder
from tests.support.fair_esm import extract, proteins, write_regression
from tui_balancer.embedding.embedder import Embedder
from tui_balancer.embedding.fairesm.loading import LoadedModel
from tui_balancer.embedding.fairesm.regression import regression_path, see_to_regression
from tui_balancer.embedding.families.code import resolve
from tui_balancer.embedding.families.esm2.checkpoints import load, read
from tui_balancer.embedding.families.requests import CheckpointModel, NamedModel
from tui_balancer.embedding.settings import EmbeddingSettings
from tui_balancer.errors import UserError
from tui_balancer.representations import KINDS

torch.set_num_threads(1)

LAYERS, HEADS = 3, 4
EVERYTHING = EmbeddingSettings(repr_layers=(0, 1, 2, 3), include=tuple(KINDS))


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    return make_checkpoint(tmp_path / "esm2_small.pt", LAYERS, width=40, heads=HEADS)


@pytest.fixture
def loaded(checkpoint: Path) -> LoadedModel:
    write_regression(checkpoint, LAYERS * HEADS)
    return load(resolve(CheckpointModel(checkpoint)))


@pytest.mark.parametrize("reference", [False, True])
def test_every_kind_of_every_layer_equals_fair_esms_extract(
    loaded: LoadedModel, reference: bool
) -> None:
    settings = EmbeddingSettings(EVERYTHING.repr_layers, include=tuple(KINDS), reference=reference)
    embedder = Embedder(loaded, "cpu:0", settings)
    texts = proteins((1, 2, 9, 9, 30, 4))
    sizes = [embedder.kept.numbers(len(text)) for text in texts]
    for text, row in zip(texts, torch.split(embedder.embed(texts), sizes), strict=True):
        expected = extract(loaded.model, loaded.alphabet, text, EVERYTHING.repr_layers)
        for part in embedder.kept.parts(len(text)):
            actual = row[part.numbers].view(part.shape)
            torch.testing.assert_close(actual, expected[part.name], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("layers", "include"),
    [((-1,), ("bos",)), ((0, -1), ("mean", "bos")), ((1,), ("per_tok",)), ((2,), ("contacts",))],
)
def test_a_choice_has_the_numbers_that_all_together_have(
    loaded: LoadedModel, layers: tuple[int, ...], include: tuple[str, ...]
) -> None:
    all_of_it = Embedder(loaded, "cpu:0", EVERYTHING)
    some = Embedder(loaded, "cpu:0", EmbeddingSettings(layers, include=include))
    row, full = some.embed(["MKVLAAG"]).reshape(-1), all_of_it.embed(["MKVLAAG"])
    by_name = {part.name: full[part.numbers] for part in all_of_it.kept.parts(7)}
    for part in some.kept.parts(7):
        torch.testing.assert_close(row[part.numbers], by_name[part.name], rtol=0, atol=0)
    assert len(row) == some.kept.numbers(7)


def test_contacts_come_from_all_layers_whichever_is_kept(loaded: LoadedModel) -> None:
    broken = copy.deepcopy(loaded)
    with torch.no_grad():
        broken.model.layers[-1].self_attn.q_proj.weight.fill_(torch.nan)
    settings = EmbeddingSettings((0,), include=("mean", "contacts"))
    row = Embedder(broken, "cpu:0", settings).embed(["MKV"])
    assert row[:40].isfinite().all()
    assert not row[40:].isfinite().any()


def test_contacts_need_the_regression_beside_the_checkpoint(checkpoint: Path) -> None:
    request = CheckpointModel(checkpoint)
    source = resolve(request)
    with pytest.raises(UserError, match=r"contacts need .*esm2_small-contact-regression\.pt"):
        see_to_regression(source, request, read)
    torch.save({"model": {}}, regression_path(checkpoint))
    with pytest.raises(UserError, match="is no contact regression"):
        see_to_regression(source, request, read)
    write_regression(checkpoint, LAYERS * HEADS)
    see_to_regression(source, request, read)


def test_a_folder_in_hugging_faces_format_brings_its_regression(
    checkpoint: Path, tmp_path: Path
) -> None:
    request = CheckpointModel(make_hugging_face_folder(tmp_path / "hf", checkpoint))
    see_to_regression(resolve(request), request, read)


def test_the_regression_of_a_named_model_is_downloaded(checkpoint: Path, tmp_path: Path) -> None:
    source = resolve(CheckpointModel(checkpoint))
    write_regression(checkpoint, LAYERS * HEADS)
    theirs = tmp_path / "theirs" / regression_path(checkpoint).name
    theirs.parent.mkdir()
    regression_path(checkpoint).rename(theirs)
    see_to_regression(source, NamedModel("esm2_small"), read, url=theirs.parent.as_uri())
    assert regression_path(checkpoint).read_bytes() == theirs.read_bytes()
