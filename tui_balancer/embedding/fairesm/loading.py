"""fair-esm's own model classes, filled with the tensors of a checkpoint.

fair-esm's loader calls `torch.load` in a way that newer versions refuse, wants a second file next
to the first and fills the whole model with random numbers before it copies the weights in. Here
its model classes are built without storage and take the checkpoint's tensors as they are, mapped
from the file.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import torch
from esm.data import Alphabet
from torch.overrides import TorchFunctionMode

from tui_balancer.embedding.checkpoints.tensors import unfit
from tui_balancer.embedding.fairesm.regression import CONTACT_HEAD
from tui_balancer.embedding.models import ModelShape

Model = TypeVar("Model", bound=torch.nn.Module)

_FILLS = {"fill_", "normal_", "uniform_", "zero_"}
"""What torch's layers fill their new parameters with, or its `init` functions."""


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A model with its weights, on the CPU, in evaluation mode.

    Attributes:
        model: fair-esm's own model, in float32.
        alphabet: Its alphabet.
        shape: Its architecture.
        sha256: Of the checkpoint's bytes, or of the seeded parameters when untrained.
    """

    model: Any
    alphabet: Alphabet
    shape: ModelShape
    sha256: str


def refuse_misfits(
    path: Path, title: str, model: torch.nn.Module, weights: Mapping[str, object]
) -> None:
    """Compare the tensors of a checkpoint with the names and shapes of a model's.

    The regression of contacts may be absent.

    Args:
        path: The checkpoint.
        title: Of its family.
        model: Built `without_storage`.
        weights: By their names in the model.

    Raises:
        UserError: One is missing, unknown or of another shape.
    """
    expected = model.state_dict()
    for key in expected.keys() - weights.keys() - set(CONTACT_HEAD):
        raise unfit(path, title, f"{key} is missing")
    for key, value in weights.items():
        if key not in expected:
            raise unfit(path, title, f"{key} is unknown")
        if not isinstance(value, torch.Tensor) or value.shape != expected[key].shape:
            raise unfit(path, title, f"{key} has the wrong shape")


def filled(model: Model, weights: Mapping[str, torch.Tensor]) -> Model:
    """Return a model that was built `without_storage`, with these weights in float32.

    Args:
        model: It takes the tensors themselves, not copies, where they are in float32.
        weights: By their names in the model; without the regression of contacts, it is zero.
    """
    # The largest checkpoints are stored in half precision.
    state = {key: value.float() for key, value in weights.items()}
    for key, value in model.state_dict().items():
        if key in CONTACT_HEAD:
            # Whoever wants contacts has seen to it that they are there.
            state.setdefault(key, torch.zeros(value.shape))
    model.load_state_dict(state, assign=True)
    return model.eval()


def without_storage(make: Callable[[], Model]) -> Model:
    """Return a new model with the names and shapes of its weights, and no memory for them."""
    with _WithoutStorage():
        return make()


class _WithoutStorage(TorchFunctionMode):
    """Gives new parameters no memory and no first values.

    `torch.device("meta")` would do the same, but there torch computes the few buffers by way of its
    compiler, whose import takes longer than all the rest of a worker's start. (Even to ask for
    `zeros_like` of something there takes a third of a second: a computer algebra system comes in.)
    """

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        named = kwargs or {}
        if func is torch.empty:
            return func(*args, **{**named, "device": "meta"})
        if getattr(func, "__name__", "") in _FILLS:
            return args[0] if args else named["tensor"]
        return func(*args, **named)
