"""Which family's code a model goes to."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tui_balancer.embedding.checkpoints.caches import cached_checkpoint
from tui_balancer.embedding.checkpoints.tensors import NotOfFamily
from tui_balancer.embedding.families import code
from tui_balancer.embedding.families.esm2.family import Esm2Shape
from tui_balancer.embedding.families.requests import CheckpointModel, NamedModel
from tui_balancer.embedding.families.table import MODELS
from tui_balancer.embedding.models import ModelShape
from tui_balancer.errors import UserError

NAME = "esm2_t6_8M_UR50D"


class NewShape(Esm2Shape):
    family = "new"


def of(title: str, start: bytes, shape: ModelShape) -> Any:
    """A family's code whose checkpoints have this start."""

    def read(path: Path) -> Any:
        if not path.read_bytes().startswith(start):
            raise NotOfFamily(path, title, f"no {start.decode()}")
        return SimpleNamespace(shape=shape)

    return SimpleNamespace(read=read)


@pytest.fixture
def families(monkeypatch: pytest.MonkeyPatch) -> None:
    codes = {"esm2": of("ESM-2", b"esm", MODELS[NAME]), "new": of("New", b"new", NewShape(1, 2, 1))}
    monkeypatch.setattr(code, "FAMILIES", codes)
    monkeypatch.setattr(code, "code_of", codes.__getitem__)


@pytest.mark.usefixtures("families")
def test_a_checkpoint_is_of_the_family_that_reads_it(tmp_path: Path) -> None:
    for content in ("esm", "new"):
        (tmp_path / content).write_text(content)
    assert code.resolve(CheckpointModel(tmp_path / "esm")).shape.family == "esm2"
    assert code.resolve(CheckpointModel(tmp_path / "new")).shape.family == "new"


@pytest.mark.usefixtures("families")
def test_what_no_family_reads_is_refused_with_the_reason_of_each(tmp_path: Path) -> None:
    path = tmp_path / "other"
    path.write_text("other")
    with pytest.raises(UserError, match=r"not ESM-2 \(no esm\), not New \(no new\)$"):
        code.resolve(CheckpointModel(path))


@pytest.mark.usefixtures("families")
def test_a_named_model_is_of_its_family_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    path = cached_checkpoint(NAME)
    path.parent.mkdir(parents=True)
    path.write_text("new")
    with pytest.raises(UserError, match=r"not a checkpoint of ESM-2 .*; delete it to download it"):
        code.resolve(NamedModel(NAME))
    path.write_text("esm")
    assert code.resolve(NamedModel(NAME)).label == NAME
