"""fair-esm's own model classes, filled with the tensors of a checkpoint.

fair-esm's loader calls `torch.load` in a way that newer versions refuse, wants a second file next
to the first and fills the whole model with random numbers before it copies the weights in. Here
its model classes are built without storage and take the checkpoint's tensors as they are, mapped
from the file.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from esm.data import Alphabet
from torch.overrides import TorchFunctionMode

from tui_balancer.embedding.checkpoints.download import OnDownload
from tui_balancer.embedding.checkpoints.sources import read_again
from tui_balancer.embedding.checkpoints.tensors import refuse_misfits
from tui_balancer.embedding.fairesm.checkpoint import Checkpoint
from tui_balancer.embedding.fairesm.regression import (
    CONTACT_HEAD,
    read_regression,
    see_to_regression,
)
from tui_balancer.embedding.fairesm.shape import FairEsmShape
from tui_balancer.embedding.families.requests import ModelRequest
from tui_balancer.embedding.families.seeded import seeded_weights
from tui_balancer.embedding.models import ModelSource
from tui_balancer.errors import UserError
from tui_balancer.representations import Kind

_FILLS = {"fill_", "normal_", "uniform_", "zero_"}
"""What torch's layers fill their new parameters with, or its `init` functions."""


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A model with its weights, on the CPU, in evaluation mode.

    Attributes:
        model: fair-esm's own model, in float32.
        shape: Its architecture.
        sha256: Of the checkpoint's bytes, or of the seeded parameters when untrained.
    """

    model: Any
    alphabet: Alphabet
    shape: FairEsmShape
    sha256: str


@dataclass(frozen=True, slots=True)
class Loader:
    """Reads and loads the checkpoints of a family.

    Attributes:
        title: Of the family.
        read_file: Returns what a file in fair-esm's format holds, as it is written there.
        read_folder: Likewise of a folder in Hugging Face's format.
        build: Makes fair-esm's model for a checkpoint; its first values come from torch's global
            generator.
        without_regression: Part of the names of models that cannot predict contacts.
    """

    title: str
    read_file: Callable[[Path], Checkpoint]
    read_folder: Callable[[Path], Checkpoint]
    build: Callable[[Checkpoint, Alphabet], torch.nn.Module]
    without_regression: str | None = None

    def read(self, path: Path) -> Checkpoint:
        """See `code.FamilyCode.read`; only the regression of contacts may be absent."""
        checkpoint = self.read_folder(path) if path.is_dir() else self.read_file(path)
        weights, model = checkpoint.weights, self._empty(checkpoint)
        expected = {
            name: value.shape
            for name, value in model.state_dict().items()
            if name in weights or name not in CONTACT_HEAD
        }
        refuse_misfits(path, self.title, expected, weights)
        return checkpoint

    def require(
        self,
        source: ModelSource,
        request: ModelRequest,
        kinds: Sequence[Kind],
        on_download: OnDownload | None,
        first_byte_seconds: float | None,
    ) -> None:
        """See `code.FamilyCode`: what is predicted from the attention takes a regression."""
        if not any(kind.source == "attention" for kind in kinds):
            return
        if self.without_regression is not None and self.without_regression in source.name:
            raise UserError(
                f"fair-esm has no contact regression for {source.name}: "
                "leave contacts out of --include"
            )
        see_to_regression(source, request, self.read, on_download, first_byte_seconds)

    def load(self, source: ModelSource, scratch: Path | None = None) -> LoadedModel:
        """See `code.load`; the model takes the tensors themselves where they are in float32."""
        if source.checkpoint is None:
            assert isinstance(source.shape, FairEsmShape), "it is of the family"
            checkpoint = Checkpoint(source.shape, True, {})
            alphabet = alphabet_of(source.shape)
            weights, sha256 = seeded_weights(
                source, lambda: self.build(checkpoint, alphabet).state_dict(), scratch
            )
        else:
            checkpoint, sha256 = read_again(source, self.read), source.sha256
            weights = {**checkpoint.weights, **read_regression(source.checkpoint)}
        model = self._empty(checkpoint)
        # The largest checkpoints are stored in half precision.
        state = {key: value.float() for key, value in weights.items()}
        for key, value in model.state_dict().items():
            if key in CONTACT_HEAD:
                # Whoever wants contacts has seen to it that they are there.
                state.setdefault(key, torch.zeros(value.shape))
        model.load_state_dict(state, assign=True)
        return LoadedModel(model.eval(), alphabet_of(checkpoint.shape), checkpoint.shape, sha256)

    def _empty(self, checkpoint: Checkpoint) -> torch.nn.Module:
        """Return a model with the names and shapes of its weights, and no memory for them."""
        with _WithoutStorage():
            return self.build(checkpoint, alphabet_of(checkpoint.shape))


def alphabet_of(shape: FairEsmShape) -> Alphabet:
    """Return fair-esm's alphabet of an architecture."""
    return Alphabet.from_architecture(shape.architecture)


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
