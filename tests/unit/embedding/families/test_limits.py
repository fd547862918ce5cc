"""What a model is asked for is refused before any work, in one line, if it cannot do it."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType
from typing import Any

import pytest

from tui_balancer.embedding.families import limits
from tui_balancer.embedding.families.esm2.family import FAMILY, Esm2Shape
from tui_balancer.embedding.families.family import STATE_KINDS
from tui_balancer.embedding.families.limits import default_max_length, refuse_beyond_limits
from tui_balancer.errors import UserError
from tui_balancer.workers.preflight.messages import PreflightRequest


class ShortShape(Esm2Shape):
    family = "short"

    @property
    def longest(self) -> int:
        return 100


SHORT = ShortShape(layers=2, width=8, heads=2)
WHOLE = Esm2Shape(layers=2, width=8, heads=2)
ASKED: dict[str, Any] = {
    "repr_layers": (-1,),
    "include": ("mean",),
    "max_length": 100,
    "reference": False,
}


@pytest.fixture(autouse=True)
def families(monkeypatch: pytest.MonkeyPatch) -> None:
    """A family of models with few positions, no contacts and no code of its makers."""
    short = replace(FAMILY, title="Short", max_length=500, kinds=STATE_KINDS, reference=False)
    table = MappingProxyType({"esm2": FAMILY, "short": short})
    monkeypatch.setattr(limits, "FAMILIES", table)


def test_the_default_length_is_the_familys_as_far_as_the_model_goes() -> None:
    assert default_max_length(WHOLE) == FAMILY.max_length
    assert default_max_length(SHORT) == 100


def test_what_a_model_has_is_not_refused() -> None:
    refuse_beyond_limits(SHORT, **ASKED)
    refuse_beyond_limits(
        WHOLE, repr_layers=(0, 2), include=("contacts",), max_length=10**6, reference=True
    )


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"repr_layers": (0, 3)}, "no layer 3: the model has layers 0 to 2"),
        (
            {"include": ("mean", "contacts")},
            "Short has no contacts: choose from mean, bos, per_tok with --include",
        ),
        ({"max_length": 101}, "--max-length 101 is more than the 100 residues"),
        ({"reference": True}, "--reference: the makers' code of Short is not part of the program"),
    ],
)
def test_what_it_has_not_is_refused_in_one_line(asked: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message) as caught:
        refuse_beyond_limits(SHORT, **(ASKED | asked))
    assert "\n" not in str(caught.value)
    request = PreflightRequest(None, None, **(ASKED | asked))  # type: ignore[arg-type]
    with pytest.raises(UserError, match=message):
        request.refuse_beyond_limits(SHORT)
