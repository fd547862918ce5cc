"""The ESM-2 models by name, and what a person may write for `--model`. Imports no torch."""

from __future__ import annotations

import difflib
import os
import re
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
        checkpoint: The file with the weights, or the folder in Hugging Face's format; None when
            untrained.
        sha256: Of the bytes of the weights; empty when untrained (the worker reports it).
        seed: Of the random weights; None when trained.
        stamp: Size and time of change, in nanoseconds, of each file of the checkpoint.
    """

    label: str
    name: str
    shape: ModelShape
    checkpoint: Path | None
    sha256: str
    seed: int | None
    stamp: tuple[tuple[int, int], ...] = ()

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

HUB_OWNER = "facebook"
"""Publishes ESM-2 on the Hugging Face Hub, each model under its name in fair-esm."""

_HUB_NAME = re.compile(r"[\w-][\w.-]*/[\w-][\w.-]*")


@dataclass(frozen=True, slots=True)
class NamedModel:
    """A model of fair-esm's collection, downloaded when it is not cached yet."""

    name: str


@dataclass(frozen=True, slots=True)
class CheckpointModel:
    """A checkpoint file in fair-esm's format, or a folder in Hugging Face's."""

    path: Path


@dataclass(frozen=True, slots=True)
class HubModel:
    """A model of the Hugging Face Hub, `OWNER/NAME`, taken from its cache on this machine."""

    repository: str

    @property
    def name(self) -> str:
        """The model's name without its owner."""
        return self.repository.partition("/")[2]


@dataclass(frozen=True, slots=True)
class UntrainedModel:
    """The architecture of a named model with seeded random weights."""

    name: str
    seed: int

    def source(self) -> ModelSource:
        """Return the model, which needs nothing to be there."""
        label = f"untrained {self.name} (seed {self.seed})"
        return ModelSource(label, self.name, ESM2_MODELS[self.name], None, "", self.seed)


ModelRequest = NamedModel | CheckpointModel | HubModel | UntrainedModel


def parse_model(text: str, seed: int) -> ModelRequest:
    """Read what a person wrote for `--model`; touches no file but to see whether it exists.

    Args:
        text: A model's name, `untrained:NAME`, the path of a checkpoint or of a folder in Hugging
            Face's format: anything that ends in `.pt`, holds a slash or exists; or `OWNER/NAME`
            on the Hugging Face Hub, if it is in the cache or one of ESM-2's own.
        seed: Of the random weights, should the model be untrained.

    Raises:
        UserError: No such model; the message names the closest one.
    """
    if text.startswith(UNTRAINED_PREFIX):
        return UntrainedModel(_known(text.removeprefix(UNTRAINED_PREFIX)), seed)
    if text in ESM2_MODELS:
        return NamedModel(text)
    path = Path(text).expanduser()
    if not path.exists() and (hub := _on_the_hub(text)):
        return hub
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


def hub_cache() -> Path:
    """Return the folder in which `huggingface_hub` keeps models, by its own rules."""
    cache = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    home = os.environ.get("HF_HOME") or f"{cache}/huggingface"
    return Path(os.environ.get("HF_HUB_CACHE") or f"{home}/hub").expanduser()


def cached_snapshot(repository: str) -> Path | None:
    """Return the folder of a model in Hugging Face's cache; None if it is not there.

    Args:
        repository: `OWNER/NAME`; the newest revision of its main branch that was fetched counts.
    """
    entry = hub_cache() / f"models--{repository.replace('/', '--')}"
    try:
        revision = (entry / "refs" / "main").read_text().strip()
    except OSError:
        return None
    snapshot = entry / "snapshots" / revision
    return snapshot if snapshot.is_dir() else None


def _on_the_hub(text: str) -> HubModel | None:
    """Return the model of the Hugging Face Hub that a text names, if it does."""
    owner, _, name = text.partition("/")
    if owner == HUB_OWNER and name:
        return HubModel(f"{owner}/{_known(name)}")
    if _HUB_NAME.fullmatch(text) and cached_snapshot(text) is not None:
        return HubModel(text)
    return None


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
