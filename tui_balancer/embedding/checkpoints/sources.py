"""Checkpoints of any family: where they are, and whether they are still what a run began with."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol, TypeVar

from tui_balancer.embedding.checkpoints.caches import (
    cached_checkpoint,
    cached_model,
    cached_snapshot,
    hub_cache,
)
from tui_balancer.embedding.checkpoints.download import MODELS_URL, OnDownload, download_checkpoint
from tui_balancer.embedding.checkpoints.huggingface import folder_sha256
from tui_balancer.embedding.checkpoints.stamps import stamp_of
from tui_balancer.embedding.checkpoints.tensors import file_sha256
from tui_balancer.embedding.families.requests import (
    CheckpointModel,
    HubModel,
    NamedModel,
    TrainedModel,
)
from tui_balancer.embedding.families.table import FAMILIES, MODELS
from tui_balancer.embedding.models import ModelShape, ModelSource
from tui_balancer.errors import UserError


class Checkpoint(Protocol):
    """What a family has read of a checkpoint."""

    @property
    def shape(self) -> ModelShape:
        """The architecture of its model."""


AnyCheckpoint = TypeVar("AnyCheckpoint", bound=Checkpoint)


def locate(
    request: TrainedModel,
    on_download: OnDownload | None = None,
    first_byte_seconds: float | None = None,
    models_url: str = MODELS_URL,
) -> Path:
    """Return the file or folder of a model, downloading it where needed.

    Args:
        request: What was asked for.
        on_download: See `download_checkpoint`.
        first_byte_seconds: See `download_checkpoint`.
        models_url: Folder that fair-esm's named models are fetched from.

    Raises:
        UserError: It cannot be had. Whether a path exists is seen when it is read.
    """
    if isinstance(request, CheckpointModel):
        return request.path.absolute()
    if isinstance(request, HubModel):
        return _snapshot(request.repository)
    if (found := cached_model(request.name)) is not None:
        return found
    family = FAMILIES[MODELS[request.name].family]
    if not family.downloaded:
        return _snapshot(family.models[request.name].repository)
    path = cached_checkpoint(request.name)
    download_checkpoint(request.name, path, on_download, first_byte_seconds, models_url)
    return path


def describe(request: TrainedModel, path: Path, read: Callable[[Path], Checkpoint]) -> ModelSource:
    """Return a model whose checkpoint was located, once a family has read it.

    Args:
        request: What was asked for.
        path: See `locate`.
        read: The family's, see `code.FamilyCode.read`.

    Raises:
        UserError: It cannot be read, or is not the named model.
    """
    try:
        stamp = stamp_of(path)
        shape = read(path).shape
        digest = _sha256(path, shape)
    except UserError as error:
        if isinstance(request, NamedModel):
            raise UserError(f"{error}; delete it to download it again") from error
        raise
    if isinstance(request, NamedModel):
        if shape != MODELS[request.name]:
            raise UserError(f"{path} is not {request.name}: delete it to download it again")
        name = label = request.name
    elif isinstance(request, HubModel):
        name, label = request.name, request.repository
    else:
        name = label = path.name if path.is_dir() else path.stem
    return ModelSource(label, name, shape, path, digest, None, stamp)


def read_again(source: ModelSource, read: Callable[[Path], AnyCheckpoint]) -> AnyCheckpoint:
    """Return what the checkpoint of a described model holds.

    Raises:
        UserError: It is no longer what `describe` saw: size and time tell, or its checksum.
    """
    path = source.checkpoint
    assert path is not None, "an untrained model has no checkpoint"
    checkpoint = read(path)
    changed = stamp_of(path) != source.stamp and _sha256(path, source.shape) != source.sha256
    if changed or checkpoint.shape != source.shape:
        raise UserError(
            f"{path} is not the model that the run began with: restore it, or start again"
        )
    return checkpoint


def _sha256(path: Path, shape: ModelShape) -> str:
    """Return the SHA-256 of a checkpoint's weights, and of a tokenizer that decides its vectors."""
    if not path.is_dir():
        return file_sha256(path)
    return folder_sha256(path, FAMILIES[shape.family].tokenizers)


def _snapshot(repository: str) -> Path:
    """Return the folder of a model in Hugging Face's cache.

    Raises:
        UserError: It is not there.
    """
    snapshot = cached_snapshot(repository)
    if snapshot is None:
        downloaded = [
            name
            for family in FAMILIES.values()
            for name, model in family.models.items()
            if family.downloaded and model.repository == repository
        ]
        named = "".join(f", or write --model {name}" for name in downloaded)
        raise UserError(
            f"{repository} is not in Hugging Face's cache {hub_cache()}: get it with "
            f"`hf download {repository}`{named}"
        )
    return snapshot
