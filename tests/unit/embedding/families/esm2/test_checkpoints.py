"""Checkpoints: loaded as fair-esm loads them, and refused in one line when they are not."""

from __future__ import annotations

import argparse
import io
import os
from pathlib import Path

import pytest
import torch

from tests.support.checkpoints import make_checkpoint
from tests.support.fair_esm import load_model, read_checkpoint
from tui_balancer.embedding.checkpoints import download, sources
from tui_balancer.embedding.checkpoints.caches import cached_checkpoint
from tui_balancer.embedding.families.code import resolve
from tui_balancer.embedding.families.esm2.checkpoints import load
from tui_balancer.embedding.families.esm2.family import Esm2Shape
from tui_balancer.embedding.families.requests import CheckpointModel, NamedModel, UntrainedModel
from tui_balancer.embedding.families.table import MODELS
from tui_balancer.errors import UserError

torch.set_num_threads(1)

UNTRAINED = UntrainedModel("esm2_t6_8M_UR50D", seed=3)


def test_a_checkpoint_loads_as_fair_esm_itself_loads_it(tmp_path: Path) -> None:
    path = make_checkpoint(tmp_path / "mine.pt", layers=3, width=48, heads=6)
    source = resolve(CheckpointModel(path))
    loaded = load(source)
    assert source.shape == loaded.shape == Esm2Shape(3, 48, 6)
    assert source.name == source.label == "mine"
    assert not source.untrained
    state = loaded.model.state_dict()
    theirs, _ = load_model(path, "esm2")
    expected = {k: v for k, v in theirs.state_dict().items() if not k.startswith("contact_head")}
    assert state.keys() - expected.keys() == {
        "contact_head.regression.weight",
        "contact_head.regression.bias",
    }
    for key, value in expected.items():
        assert state[key].dtype == torch.float32
        assert torch.equal(state[key], value), key
    assert not loaded.model.training


def test_nothing_is_said_while_loading(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], recwarn: pytest.WarningsRecorder
) -> None:
    load(resolve(CheckpointModel(make_checkpoint(tmp_path / "a.pt"))))
    assert capfd.readouterr() == ("", "")
    # What other tests have left unclosed is found whenever the garbage collector runs.
    assert not [str(one.message) for one in recwarn if one.category is not ResourceWarning]


def test_half_precision_weights_are_widened(tmp_path: Path) -> None:
    path = make_checkpoint(tmp_path / "large.pt")
    data = read_checkpoint(path)
    data["model"] = {key: value.half() for key, value in data["model"].items()}
    torch.save(data, path)
    weight = load(resolve(CheckpointModel(path))).model.layers[0].fc1.weight
    stored = data["model"]["encoder.sentence_encoder.layers.0.fc1.weight"]
    assert weight.dtype == torch.float32
    assert torch.equal(weight, stored.float())


def test_the_old_file_format_is_read_too(tmp_path: Path) -> None:
    path = make_checkpoint(tmp_path / "new.pt")
    new = load(resolve(CheckpointModel(path))).model.state_dict()
    old_path = tmp_path / "old.pt"
    torch.save(read_checkpoint(path), old_path, _use_new_zipfile_serialization=False)
    old = load(resolve(CheckpointModel(old_path))).model.state_dict()
    assert all(torch.equal(new[key], old[key]) for key in new)


def test_untrained_models_are_repeatable_and_leave_the_global_generator_alone() -> None:
    source = resolve(UNTRAINED)
    assert source.untrained
    assert source.label == "untrained esm2_t6_8M_UR50D (seed 3)"
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    first = load(source)
    assert torch.equal(torch.rand(3), expected)
    second = load(source)
    assert first.sha256 == second.sha256
    assert all(
        torch.equal(a, b)
        for a, b in zip(first.model.parameters(), second.model.parameters(), strict=True)
    )
    other = load(resolve(UntrainedModel(UNTRAINED.name, seed=4)))
    assert other.sha256 != first.sha256


def test_untrained_weights_are_made_once_and_mapped_by_all_of_a_run(tmp_path: Path) -> None:
    alone = load(UNTRAINED.source())
    first, second = (load(UNTRAINED.source(), tmp_path) for _ in range(2))
    assert first.sha256 == second.sha256 == alone.sha256
    for name, value in alone.model.state_dict().items():
        assert torch.equal(value, first.model.state_dict()[name]), name
    mapped = [line for line in Path("/proc/self/maps").read_text().splitlines() if "seed-3" in line]
    assert len(mapped) >= 2
    assert not list(tmp_path.glob("*.tmp"))


def test_untrained_weights_that_find_no_room_are_made_by_each_worker(tmp_path: Path) -> None:
    assert load(UNTRAINED.source(), tmp_path / "gone").sha256 == load(UNTRAINED.source()).sha256


def test_an_unchanged_checkpoint_is_not_read_twice_to_know_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = resolve(CheckpointModel(make_checkpoint(tmp_path / "a.pt")))

    def refuse(path: Path) -> str:
        raise AssertionError(f"{path} was read as a whole")

    monkeypatch.setattr(sources, "file_sha256", refuse)
    assert load(source).sha256 == source.sha256


def test_a_checkpoint_that_was_copied_back_is_still_the_same(tmp_path: Path) -> None:
    path = make_checkpoint(tmp_path / "a.pt")
    source = resolve(CheckpointModel(path))
    path.write_bytes(path.read_bytes())
    os.utime(path, (1, 1))
    assert load(source).sha256 == source.sha256


def _saved(content: object) -> bytes:
    file = io.BytesIO()
    torch.save(content, file)
    return file.getvalue()


def _altered(path: Path, key: str, value: torch.Tensor | None) -> bytes:
    data = read_checkpoint(path)
    if value is None:
        del data["model"][key]
    else:
        data["model"][key] = value
    return _saved(data)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is broken or not a checkpoint"),
        (b">sp|P1\nMKV\n", "is broken or not a checkpoint"),
        (_saved([1, 2]), "is not a dictionary of tensors"),
        (_saved({"args": argparse.Namespace(arch="roberta_large")}), "does not name its layers"),
        (_saved({"cfg": {"model": argparse.Namespace()}}), "does not name its layers"),
        (
            _saved(
                {
                    "cfg": {
                        "model": argparse.Namespace(
                            encoder_layers=1, encoder_embed_dim=8, encoder_attention_heads=3
                        )
                    },
                    "model": {},
                }
            ),
            "does not name its layers",
        ),
        (_saved({"cfg": torch.nn.Linear(1, 1)}), "holds Python objects, which are never loaded"),
    ],
    ids=["empty", "FASTA", "a list", "ESM-1", "no numbers", "no weights", "a pickled module"],
)
def test_what_is_no_checkpoint_is_refused_in_one_line(
    content: bytes, message: str, tmp_path: Path
) -> None:
    path = tmp_path / "bad.pt"
    path.write_bytes(content)
    with pytest.raises(UserError, match=message) as caught:
        resolve(CheckpointModel(path))
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("encoder.lm_head.bias", None, r"lm_head\.bias is missing"),
        ("encoder.lm_head.scale", torch.ones(1), r"lm_head\.scale is unknown"),
        ("encoder.lm_head.bias", torch.ones(2), r"lm_head\.bias has the wrong shape"),
    ],
)
def test_weights_that_do_not_fit_are_named(
    key: str, value: torch.Tensor | None, message: str, tmp_path: Path
) -> None:
    path = make_checkpoint(tmp_path / "a.pt")
    path.write_bytes(_altered(path, key, value))
    with pytest.raises(UserError, match=rf"not a checkpoint of ESM-2 \({message}\)"):
        resolve(CheckpointModel(path))


def test_a_truncated_checkpoint_is_broken(tmp_path: Path) -> None:
    path = make_checkpoint(tmp_path / "a.pt")
    path.write_bytes(path.read_bytes()[:-1000])
    with pytest.raises(UserError, match="is broken or not a checkpoint"):
        resolve(CheckpointModel(path))


def test_a_checkpoint_that_changed_during_the_run_is_refused(tmp_path: Path) -> None:
    source = resolve(CheckpointModel(make_checkpoint(tmp_path / "a.pt", seed=0)))
    make_checkpoint(tmp_path / "a.pt", seed=1)
    with pytest.raises(UserError, match=r"a\.pt is not the model that the run began with: restore"):
        load(source)


def test_a_missing_checkpoint_and_a_folder_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"^there is no checkpoint .*/a\.pt: check the path$"):
        resolve(CheckpointModel(tmp_path / "a.pt"))
    with pytest.raises(UserError, match=r"no model in .* format: it has no config\.json$"):
        resolve(CheckpointModel(tmp_path))


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    return cached_checkpoint("esm2_t6_8M_UR50D")


def test_a_cached_named_model_needs_no_network(cache: Path) -> None:
    make_checkpoint(cache, *_sizes("esm2_t6_8M_UR50D"))
    request = NamedModel("esm2_t6_8M_UR50D")
    assert sources.locate(request, models_url="http://127.0.0.1:1") == cache
    source = resolve(request)
    assert source.checkpoint == cache
    assert source.name == "esm2_t6_8M_UR50D"


def test_a_named_model_that_is_not_cached_is_fetched_first(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fetch(name: str, target: Path, *_: object) -> None:
        make_checkpoint(target, *_sizes(name))

    monkeypatch.setattr(sources, "download_checkpoint", fetch)
    assert resolve(NamedModel("esm2_t6_8M_UR50D")).shape == MODELS["esm2_t6_8M_UR50D"]
    assert download.MODELS_URL.startswith("https://")


def test_a_broken_cache_says_how_to_mend_it(cache: Path) -> None:
    cache.parent.mkdir(parents=True)
    cache.write_bytes(b"half")
    with pytest.raises(UserError, match=r"is broken .*; delete it to download it again"):
        resolve(NamedModel("esm2_t6_8M_UR50D"))
    make_checkpoint(cache)
    with pytest.raises(UserError, match=r"is not esm2_t6_8M_UR50D: delete it"):
        resolve(NamedModel("esm2_t6_8M_UR50D"))


def _sizes(name: str) -> tuple[int, int, int]:
    shape = MODELS[name]
    return shape.layers, shape.width, shape.heads
