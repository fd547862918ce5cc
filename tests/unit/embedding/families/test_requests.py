"""What may be written for `--model`, and where named models are cached."""

from pathlib import Path

import pytest
import torch

from tui_balancer.embedding.checkpoints.caches import cached_checkpoint, hub_cache
from tui_balancer.embedding.families.requests import (
    CheckpointModel,
    HubModel,
    NamedModel,
    UntrainedModel,
    parse_model,
)
from tui_balancer.embedding.families.table import FAMILIES, MODELS
from tui_balancer.errors import UserError

DOWNLOADED = [name for family in FAMILIES.values() if family.downloaded for name in family.models]


@pytest.mark.parametrize("name", DOWNLOADED)
def test_names_are_those_of_fair_esm_and_say_their_layers(name: str) -> None:
    import esm.pretrained

    assert hasattr(esm.pretrained, name)
    assert f"_t{MODELS[name].layers}_" in name
    assert parse_model(name, seed=0) == NamedModel(name)


def test_untrained_keeps_the_architecture_and_the_seed() -> None:
    assert parse_model("untrained:esm2_t6_8M_UR50D", seed=7) == UntrainedModel(
        "esm2_t6_8M_UR50D", 7
    )


def test_paths_are_told_by_suffix_slash_or_existence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    Path("mine").touch()
    assert parse_model("mine", 0) == CheckpointModel(Path("mine"))
    assert parse_model("absent.pt", 0) == CheckpointModel(Path("absent.pt"))
    assert parse_model("absent.pth", 0) == CheckpointModel(Path("absent.pth"))
    assert parse_model("models/absent", 0) == CheckpointModel(Path("models/absent"))
    assert parse_model("~/a.pt", 0) == CheckpointModel(tmp_path / "home" / "a.pt")


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("esm2_t6_8M_UR50S", "esm2_t6_8M_UR50D"),
        ("ESM2_T33_650M_UR50D", "esm2_t33_650M_UR50D"),
        ("untrained:esm2_t12_35M", "esm2_t12_35M_UR50D"),
        ("facebook/esm2_t30_150M_UR50", "esm2_t30_150M_UR50D"),
        ("650M", "esm2_t33_650M_UR50D"),
        ("esm2_t36_3B_UR5OD", "esm2_t36_3B_UR50D"),
        ("ESMC_600M", "esmc_600m"),
        ("esmc-300m", "esmc_300m"),
    ],
)
def test_an_unknown_name_is_answered_with_the_one_that_was_meant(text: str, meant: str) -> None:
    with pytest.raises(UserError, match=rf"did you mean {meant}\?$"):
        parse_model(text, 0)


@pytest.mark.parametrize("text", ["", "gpt", "untrained:", "untrained:/some/where.pt"])
def test_a_name_like_no_other_is_answered_with_the_page_that_lists_them(text: str) -> None:
    with pytest.raises(UserError, match=r"`tui-balancer models` lists the names$") as caught:
        parse_model(text, 0)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "environment",
    [{"TORCH_HOME": "/a/torch"}, {"TORCH_HOME": "~/t"}, {"XDG_CACHE_HOME": "/b"}, {}],
)
def test_the_cache_is_where_torch_keeps_it(
    environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("TORCH_HOME", "XDG_CACHE_HOME", "TORCH_HUB"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert str(cached_checkpoint("esm2_t6_8M_UR50D").parent) == f"{torch.hub.get_dir()}/checkpoints"


def test_a_model_of_the_hub_is_told_by_its_owner_or_by_being_cached(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    assert parse_model("facebook/esm2_t6_8M_UR50D", 0) == HubModel("facebook/esm2_t6_8M_UR50D")
    assert parse_model("lab/tuned", 0) == CheckpointModel(Path("lab/tuned"))
    cached = tmp_path / "hub" / "models--lab--tuned"
    for folder in ("refs", "snapshots/abc"):
        (cached / folder).mkdir(parents=True)
    (cached / "refs" / "main").write_text("abc")
    assert parse_model("lab/tuned", 0) == HubModel("lab/tuned")
    Path("lab/tuned").mkdir(parents=True)
    assert parse_model("lab/tuned", 0) == CheckpointModel(Path("lab/tuned"))


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"HF_HUB_CACHE": "/a", "HF_HOME": "/b"}, "/a"),
        ({"HF_HOME": "/b", "XDG_CACHE_HOME": "/c"}, "/b/hub"),
        ({"XDG_CACHE_HOME": "/c"}, "/c/huggingface/hub"),
        ({}, "/home/me/.cache/huggingface/hub"),
    ],
)
def test_hugging_face_models_are_looked_for_where_its_library_keeps_them(
    environment: dict[str, str], expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HF_HUB_CACHE", "HF_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", "/home/me")
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert str(hub_cache()) == expected
