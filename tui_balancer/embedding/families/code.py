"""The code of model families: found by name, imported when it is needed. Imports torch."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Protocol, cast

import torch

from tui_balancer.embedding.checkpoints.download import OnDownload
from tui_balancer.embedding.checkpoints.sources import Checkpoint, describe, locate
from tui_balancer.embedding.checkpoints.tensors import NotOfFamily
from tui_balancer.embedding.families.requests import (
    ModelRequest,
    NamedModel,
    UntrainedModel,
)
from tui_balancer.embedding.families.table import FAMILIES, MODELS
from tui_balancer.embedding.models import ModelShape, ModelSource
from tui_balancer.errors import UserError
from tui_balancer.representations import Kind, Representations


class Loaded(Protocol):
    """A model with its weights, on the CPU."""

    @property
    def shape(self) -> ModelShape:
        """Its architecture."""

    @property
    def sha256(self) -> str:
        """Of the checkpoint's bytes, or of the seeded parameters when untrained."""


class Rows(Protocol):
    """Computes what is kept of a batch, on the device."""

    def __call__(self, sequences: Sequence[str]) -> torch.Tensor:
        """Return float32, see `Embedder.embed`."""


class FamilyCode(Protocol):
    """The module `code` of a family."""

    def read(self, path: Path) -> Checkpoint:
        """Return what a checkpoint of the family holds, its tensors mapped where that is possible.

        Args:
            path: A file, or a folder in Hugging Face's format.

        Raises:
            NotOfFamily: It is a model of another family.
            UserError: It is not there, broken or incomplete.
        """

    def require(
        self,
        source: ModelSource,
        request: ModelRequest,
        kinds: Sequence[Kind],
        on_download: OnDownload | None,
        first_byte_seconds: float | None,
    ) -> None:
        """Make sure that a model can compute kinds of embedding, downloading what that takes.

        Args:
            source: The model, as it was resolved.
            request: What was asked for.
            kinds: What is to be kept.
            on_download: See `resolve`.
            first_byte_seconds: See `resolve`.

        Raises:
            UserError: It cannot.
        """

    def load(self, source: ModelSource, scratch: Path | None) -> Loaded:
        """See `load`."""

    def packed(
        self, loaded: Loaded, kept: Representations, device: torch.device, dtype: torch.dtype
    ) -> Rows:
        """Return the packed forward pass, with products in a number format."""

    def reference(self, loaded: Loaded, kept: Representations, device: torch.device) -> Rows:
        """Return the forward pass of the makers' own code, in float32.

        Only a family whose `Family.reference` is true has it.
        """


def nothing_more(
    source: ModelSource,
    request: ModelRequest,
    kinds: Sequence[Kind],
    on_download: OnDownload | None,
    first_byte_seconds: float | None,
) -> None:
    """Be the `FamilyCode.require` of a family whose kinds take nothing but the checkpoint."""


def code_of(family: str) -> FamilyCode:
    """Return the code of a family."""
    return cast(FamilyCode, import_module(f"{__package__}.{family}.code"))


def resolve(
    request: ModelRequest,
    on_download: OnDownload | None = None,
    first_byte_seconds: float | None = None,
) -> ModelSource:
    """Make sure that a model can be loaded, downloading it where needed.

    Args:
        request: What was asked for, see `requests.parse_model`.
        on_download: Hears of a download's progress: bytes received, bytes expected.
        first_byte_seconds: Longest wait for the server's answer.

    Raises:
        UserError: The model cannot be had; one line that says why and what to do.
    """
    if isinstance(request, UntrainedModel):
        return request.source()
    families: Iterable[str] = FAMILIES
    if isinstance(request, NamedModel):
        families = (MODELS[request.name].family,)
    path = locate(request, on_download, first_byte_seconds)
    refusals: list[NotOfFamily] = []
    for family in families:
        try:
            return describe(request, path, code_of(family).read)
        except NotOfFamily as error:
            refusals.append(error)
    if len(refusals) == 1:
        raise refusals[0]
    reasons = ", ".join(f"not {one.title} ({one.reason})" for one in refusals)
    raise UserError(f"{path} is a checkpoint of no known family: {reasons}")


def load(source: ModelSource, scratch: Path | None = None) -> Loaded:
    """Load a model; twice the same source gives twice the same bytes.

    Float32 weights are mapped from their file, so that processes on one machine hold them once.

    Args:
        scratch: A folder of the run's processes, in which they share weights that have no file.

    Raises:
        UserError: The checkpoint is no longer what `resolve` saw; workers that start late
            must not continue with other weights.
    """
    return code_of(source.shape.family).load(source, scratch)
