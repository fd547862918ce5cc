"""Which family's code a model goes to."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tui_balancer.embedding.checkpoints.tensors import NotOfFamily
from tui_balancer.embedding.families import code
from tui_balancer.embedding.families.requests import CheckpointModel, ModelRequest, NamedModel
from tui_balancer.errors import UserError

NAME, PATH = "esm2_t6_8M_UR50D", Path("model.pt")


def of(title: str, reads: Callable[[ModelRequest], bool]) -> Any:
    """A family's code that reads some models."""

    def resolve(request: ModelRequest, *_: object) -> str:
        if not reads(request):
            raise NotOfFamily(PATH, title, "of another")
        return title

    return SimpleNamespace(resolve=resolve)


@pytest.fixture
def families(monkeypatch: pytest.MonkeyPatch) -> None:
    codes = {
        "esm2": of("ESM-2", lambda request: isinstance(request, NamedModel)),
        "new": of("new", lambda request: request == CheckpointModel(PATH)),
    }
    monkeypatch.setattr(code, "FAMILIES", codes)
    monkeypatch.setattr(code, "code_of", codes.__getitem__)


@pytest.mark.usefixtures("families")
def test_a_checkpoint_is_of_the_first_family_that_reads_it() -> None:
    assert code.resolve(CheckpointModel(PATH)) == "new"
    assert code.resolve(NamedModel(NAME)) == "ESM-2"


@pytest.mark.usefixtures("families")
def test_what_no_family_reads_is_refused_by_the_first() -> None:
    with pytest.raises(UserError, match="is not an ESM-2 checkpoint"):
        code.resolve(CheckpointModel(Path("other.pt")))
