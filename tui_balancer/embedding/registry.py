"""The ESM-2 models by name, and what a person may write for `--model`. Imports no torch."""

from __future__ import annotations

import difflib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from tui_balancer.errors import UserError


@dataclass(frozen=True, slots=True)
class ModelShape:
    """The architecture of an ESM-2 model.

    Attributes:
        layers: Transformer layers, n.
        width: Embedding size, d.
        heads: Attention heads.
    """

    layers: int
    width: int
    heads: int


@dataclass(frozen=True, slots=True)
class ModelSource:
    """A model that is known to exist, ready to be loaded by any worker.

    Attributes:
        label: What a person sees everywhere, e.g. `esm2_t6_8M_UR50D` or
            `untrained esm2_t6_8M_UR50D (seed 0)`.
        name: The architecture's name, or the checkpoint's stem.
        shape: Its architecture.
        checkpoint: The file with the weights; None when untrained.
        sha256: Of the checkpoint's bytes; empty when untrained (the worker reports it).
        seed: Of the random weights; None when trained.
    """

    label: str
    name: str
    shape: ModelShape
    checkpoint: Path | None
    sha256: str
    seed: int | None

    @property
    def untrained(self) -> bool:
        """Whether the weights are random: fit for demos and tests, not for science."""
        return self.checkpoint is None


ESM2_MODELS: Mapping[str, ModelShape] = MappingProxyType(
    {
        "esm2_t6_8M_UR50D": ModelShape(layers=6, width=320, heads=20),
        "esm2_t12_35M_UR50D": ModelShape(layers=12, width=480, heads=20),
        "esm2_t30_150M_UR50D": ModelShape(layers=30, width=640, heads=20),
        "esm2_t33_650M_UR50D": ModelShape(layers=33, width=1280, heads=20),
        "esm2_t36_3B_UR50D": ModelShape(layers=36, width=2560, heads=40),
        "esm2_t48_15B_UR50D": ModelShape(layers=48, width=5120, heads=40),
    }
)

UNTRAINED_PREFIX = "untrained:"


@dataclass(frozen=True, slots=True)
class NamedModel:
    """A model of fair-esm's collection, downloaded when it is not cached yet."""

    name: str


@dataclass(frozen=True, slots=True)
class CheckpointModel:
    """A checkpoint file in fair-esm's format."""

    path: Path


@dataclass(frozen=True, slots=True)
class UntrainedModel:
    """The architecture of a named model with seeded random weights."""

    name: str
    seed: int

    def source(self) -> ModelSource:
        """Return the model, which needs nothing to be there."""
        label = f"untrained {self.name} (seed {self.seed})"
        return ModelSource(label, self.name, ESM2_MODELS[self.name], None, "", self.seed)


ModelRequest = NamedModel | CheckpointModel | UntrainedModel


def parse_model(text: str, seed: int) -> ModelRequest:
    """Read what a person wrote for `--model`; touches no file but to see whether it exists.

    Args:
        text: A model's name, `untrained:NAME`, or the path of a checkpoint: anything that
            ends in `.pt`, holds a slash or exists.
        seed: Of the random weights, should the model be untrained.

    Raises:
        UserError: No such model; the message names the closest one.
    """
    if text.startswith(UNTRAINED_PREFIX):
        return UntrainedModel(_known(text.removeprefix(UNTRAINED_PREFIX)), seed)
    if text in ESM2_MODELS:
        return NamedModel(text)
    path = Path(text).expanduser()
    if text and path.name not in ESM2_MODELS and (path.suffix == ".pt" or "/" in text):
        return CheckpointModel(path)
    if text and path.exists():
        return CheckpointModel(path)
    return NamedModel(_known(text))


def cached_checkpoint(name: str) -> Path:
    """Return where torch's hub cache keeps a named model's checkpoint, be it there or not.

    The same folder as `torch.hub.get_dir()` answers, without importing torch.
    """
    cache = Path(os.environ.get("XDG_CACHE_HOME", "~/.cache"))
    home = Path(os.environ.get("TORCH_HOME", cache / "torch")).expanduser()
    return home / "hub" / "checkpoints" / f"{name}.pt"


def _known(name: str) -> str:
    """Return the name of a model of the table, or say which one was probably meant."""
    if name in ESM2_MODELS:
        return name
    wanted = name.rpartition("/")[2].lower()
    by_lower_case = {known.lower(): known for known in ESM2_MODELS}
    containing = [known for known in by_lower_case if wanted and wanted in known]
    close = containing or difflib.get_close_matches(wanted, by_lower_case, n=1, cutoff=0.5)
    if close:
        raise UserError(f"unknown model {name!r}: did you mean {by_lower_case[close[0]]}?")
    raise UserError(f"unknown model {name!r}: choose one of {', '.join(ESM2_MODELS)}")
