"""What a person may write for `--model`. Imports no torch."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from pathlib import Path

from tui_balancer.embedding.checkpoints.caches import cached_snapshot
from tui_balancer.embedding.families.table import FAMILIES, MODELS
from tui_balancer.embedding.models import ModelShape, ModelSource
from tui_balancer.errors import UserError

UNTRAINED_PREFIX = "untrained:"

_SUFFIXES = (".pt", ".pth")
"""Of checkpoints in one file."""

_HUB_NAME = re.compile(r"[\w-][\w.-]*/[\w-][\w.-]*")


@dataclass(frozen=True, slots=True)
class NamedModel:
    """A model with a name, downloaded when it is not cached yet."""

    name: str


@dataclass(frozen=True, slots=True)
class CheckpointModel:
    """A checkpoint file in a family's format, or a folder in Hugging Face's."""

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
        return ModelSource(label, self.name, MODELS[self.name], None, "", self.seed)


TrainedModel = NamedModel | CheckpointModel | HubModel

ModelRequest = TrainedModel | UntrainedModel


def parse_model(text: str, seed: int) -> ModelRequest:
    """Read what a person wrote for `--model`; touches no file but to see whether it exists.

    Args:
        text: A model's name, `untrained:NAME`, the path of a checkpoint or of a folder in Hugging
            Face's format: anything that ends in `.pt` or `.pth`, holds a slash or exists; or
            `OWNER/NAME` on the Hugging Face Hub, if it is in the cache or a family's own.
        seed: Of the random weights, should the model be untrained.

    Raises:
        UserError: No such model; the message names the closest one.
    """
    if text.startswith(UNTRAINED_PREFIX):
        return UntrainedModel(known_name(text.removeprefix(UNTRAINED_PREFIX)), seed)
    if text in MODELS:
        return NamedModel(text)
    path = Path(text).expanduser()
    if not path.exists() and (hub := _on_the_hub(text)):
        return hub
    if text and path.name not in MODELS and (path.suffix in _SUFFIXES or "/" in text):
        return CheckpointModel(path)
    if text and path.exists():
        return CheckpointModel(path)
    return NamedModel(known_name(text))


def likely_shape(request: ModelRequest) -> ModelShape | None:
    """Return the architecture that a model's name stands for, without a look at its weights."""
    return MODELS.get(request.path.stem if isinstance(request, CheckpointModel) else request.name)


def _on_the_hub(text: str) -> HubModel | None:
    """Return the model of the Hugging Face Hub that a text names, if it does.

    Raises:
        UserError: The owner publishes models of a family, and none of that name.
    """
    published = {
        model.repository
        for family in FAMILIES.values()
        for model in family.models.values()
        if model.repository
    }
    if text in published or (_HUB_NAME.fullmatch(text) and cached_snapshot(text) is not None):
        return HubModel(text)
    owner, _, name = text.partition("/")
    if name and any(one.startswith(f"{owner}/") for one in published):
        raise UserError(f"unknown model {text!r}: did you mean {known_name(name)}?")
    return None


def known_name(name: str) -> str:
    """Return the name of a model of the table.

    Raises:
        UserError: It is none; the message says which one was probably meant.
    """
    if name in MODELS:
        return name
    wanted = name.rpartition("/")[2].lower()
    by_lower_case = {known.lower(): known for known in MODELS}
    containing = [known for known in by_lower_case if wanted and wanted in known]
    close = containing or difflib.get_close_matches(wanted, by_lower_case, n=1, cutoff=0.5)
    if close:
        raise UserError(f"unknown model {name!r}: did you mean {by_lower_case[close[0]]}?")
    raise UserError(f"unknown model {name!r}: `tui-balancer models` lists the names")
