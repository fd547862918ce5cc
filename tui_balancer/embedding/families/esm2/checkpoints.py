"""Finding, checking and loading ESM-2 weights, in fair-esm's checkpoint format or Hugging Face's.

fair-esm's own loader calls `torch.load` in a way that newer versions refuse, wants a second
file next to the first and fills the whole model with random numbers before it copies the
weights in. Here its model class is built without storage and takes the checkpoint's tensors
as they are, mapped from the file.
"""

from __future__ import annotations

import argparse
import contextlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeGuard

import torch
from esm.data import Alphabet
from esm.model.esm2 import ESM2
from torch.overrides import TorchFunctionMode

from tui_balancer.embedding.checkpoints.caches import (
    cached_checkpoint,
    cached_snapshot,
    hub_cache,
)
from tui_balancer.embedding.checkpoints.download import MODELS_URL, OnDownload, download_checkpoint
from tui_balancer.embedding.checkpoints.huggingface import folder_sha256
from tui_balancer.embedding.checkpoints.tensors import file_sha256, unpickled
from tui_balancer.embedding.families.esm2.checkpoint import Checkpoint, is_plausible, not_esm2
from tui_balancer.embedding.families.esm2.family import FAMILY, Esm2Shape
from tui_balancer.embedding.families.esm2.huggingface import read_folder
from tui_balancer.embedding.families.esm2.regression import CONTACT_HEAD, read_regression
from tui_balancer.embedding.families.esm2.seeded import seeded_weights
from tui_balancer.embedding.families.requests import (
    HubModel,
    NamedModel,
    TrainedModel,
)
from tui_balancer.embedding.models import ModelSource
from tui_balancer.errors import UserError

_KEY_PREFIX = re.compile(r"^encoder\.(sentence_encoder\.)?")
_SHAPE_ARGUMENTS = ("encoder_layers", "encoder_embed_dim", "encoder_attention_heads")
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

    model: ESM2
    alphabet: Alphabet
    shape: Esm2Shape
    sha256: str


def resolve(
    request: TrainedModel,
    on_download: OnDownload | None = None,
    first_byte_seconds: float | None = None,
    models_url: str = MODELS_URL,
) -> ModelSource:
    """See `code.resolve`; named models are fetched from the folder `models_url`."""
    if isinstance(request, NamedModel):
        name, path = request.name, cached_checkpoint(request.name)
        if not path.exists():
            download_checkpoint(name, path, on_download, first_byte_seconds, models_url)
    elif isinstance(request, HubModel):
        name, path = request.name, _snapshot(request)
    else:
        path = request.path.absolute()
        name = path.name if path.is_dir() else path.stem
    try:
        stamp = _stamp(path)
        shape = _read(path).shape
        digest = _sha256(path)
    except UserError as error:
        if isinstance(request, NamedModel):
            raise UserError(f"{error}; delete it to download it again") from error
        raise
    if isinstance(request, NamedModel) and shape != FAMILY.models[name]:
        raise UserError(f"{path} is not {name}: delete it to download it again")
    label = request.repository if isinstance(request, HubModel) else name
    return ModelSource(label, name, shape, path, digest, None, stamp)


def load(source: ModelSource, scratch: Path | None = None) -> LoadedModel:
    """See `code.load`."""
    assert isinstance(source.shape, Esm2Shape), "it was resolved here"
    alphabet = Alphabet.from_architecture("ESM-1b")
    if source.checkpoint is None:
        seeded, checksum = seeded_weights(source.shape, alphabet, source.seed or 0, scratch)
        model = _without_storage(source.shape, alphabet)
        model.load_state_dict(seeded, assign=True)
        return LoadedModel(model.eval(), alphabet, source.shape, checksum)
    checkpoint = _read(source.checkpoint)
    if _changed(source, source.checkpoint) or checkpoint.shape != source.shape:
        raise UserError(
            f"{source.checkpoint} is not the model that the run began with: restore it, or "
            "start again"
        )
    model = _without_storage(checkpoint.shape, alphabet, checkpoint.token_dropout)
    # The largest checkpoints are stored in half precision.
    weights = {key: value.float() for key, value in checkpoint.weights.items()}
    weights.update(read_regression(source.checkpoint))
    for key, value in model.state_dict().items():
        if key in CONTACT_HEAD:
            # Whoever wants contacts has seen to it that they are there.
            weights.setdefault(key, torch.zeros(value.shape))
    model.load_state_dict(weights, assign=True)
    return LoadedModel(model.eval(), alphabet, checkpoint.shape, source.sha256)


def _read(path: Path) -> Checkpoint:
    """Return what a checkpoint file of fair-esm's holds, or a folder of Hugging Face's.

    Raises:
        UserError: There is no such file, it is broken, or it is not an ESM-2 checkpoint.
    """
    checkpoint = read_folder(path) if path.is_dir() else _read_file(path)
    alphabet = Alphabet.from_architecture("ESM-1b")
    expected = _without_storage(checkpoint.shape, alphabet).state_dict()
    for key in expected.keys() - checkpoint.weights.keys() - set(CONTACT_HEAD):
        raise not_esm2(path, f"{key} is missing")
    for key, value in checkpoint.weights.items():
        if key not in expected:
            raise not_esm2(path, f"{key} is unknown")
        if not isinstance(value, torch.Tensor) or value.shape != expected[key].shape:
            raise not_esm2(path, f"{key} has the wrong shape")
    return checkpoint


def _read_file(path: Path) -> Checkpoint:
    data = unpickled(path, FAMILY.title)
    config, state = data.get("cfg"), data.get("model")
    arguments = vars(config["model"]) if _is_configuration(config) else {}
    shape = Esm2Shape(*(arguments.get(key, 0) for key in _SHAPE_ARGUMENTS))
    if not is_plausible(shape):
        raise not_esm2(path, "it does not name its layers, width and heads")
    if not isinstance(state, Mapping):
        raise not_esm2(path, "it has no weights")
    weights = {_KEY_PREFIX.sub("", str(key)): value for key, value in state.items()}
    return Checkpoint(shape, bool(arguments.get("token_dropout", True)), weights)


def _changed(source: ModelSource, path: Path) -> bool:
    """Whether weights are not those that `resolve` saw: size and time tell, or their checksum."""
    return _stamp(path) != source.stamp and _sha256(path) != source.sha256


def _stamp(path: Path) -> tuple[tuple[int, int], ...]:
    """Return size and time of change of a checkpoint's files; nothing where they are not there."""
    files = sorted(path.iterdir()) if path.is_dir() else [path]
    with contextlib.suppress(OSError):
        found = [file.stat() for file in files]
        return tuple((one.st_size, one.st_mtime_ns) for one in found)
    return ()


def _sha256(path: Path) -> str:
    """Return the SHA-256 of a checkpoint's weights."""
    return folder_sha256(path) if path.is_dir() else file_sha256(path)


def _snapshot(request: HubModel) -> Path:
    """Return the folder of a model in Hugging Face's cache.

    Raises:
        UserError: It is not there.
    """
    snapshot = cached_snapshot(request.repository)
    if snapshot is None:
        known = f", or write --model {request.name}" if request.name in FAMILY.models else ""
        raise UserError(
            f"{request.repository} is not in Hugging Face's cache {hub_cache()}: get it with "
            f"`hf download {request.repository}`{known}"
        )
    return snapshot


def _is_configuration(config: object) -> TypeGuard[Mapping[str, argparse.Namespace]]:
    return isinstance(config, Mapping) and isinstance(config.get("model"), argparse.Namespace)


def _without_storage(shape: Esm2Shape, alphabet: Alphabet, token_dropout: bool = True) -> ESM2:
    """Return fair-esm's model with the names and shapes of its weights, and no memory for them."""
    with _WithoutStorage():
        return ESM2(shape.layers, shape.width, shape.heads, alphabet, token_dropout)


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
