"""What the program asks a model family. Imports no torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tui_balancer.embedding.models import ModelShape
from tui_balancer.embedding.settings import PRECISIONS, Precision
from tui_balancer.representations import KINDS

STATE_KINDS = tuple(kind.name for kind in KINDS.values() if kind.source == "states")
"""The kinds that every model has, for each layer has states."""


@dataclass(frozen=True, slots=True)
class PublishedModel:
    """A model that has a name.

    Attributes:
        shape: Its architecture.
        licence: Of its weights, by its SPDX identifier where it has one.
        repository: `OWNER/NAME` on the Hugging Face Hub; empty where it is not there.
    """

    shape: ModelShape
    licence: str
    repository: str = ""


@dataclass(frozen=True, slots=True)
class Family:
    """A family of models; `families.NAME.code` loads and computes them, see `code.FamilyCode`.

    Attributes:
        name: Of its folder.
        title: Its name as people write it.
        models: Its models, by their names.
        max_length: Residues that go through a model together, unless a person says otherwise.
        kinds: Names of the kinds of embedding that it has.
        pooling: What the kind `mean` is, as outputs say it.
        precisions: The number formats that its products bear.
        downloaded: Whether named models are fetched from fair-esm's server; others come from the
            Hugging Face cache of this machine.
        reference: Whether the makers' own forward pass is there to compare with.
        mark: Of its models' outputs, behind the inputs' names.
        tokenizers: Names of the files next to the weights that say which tokens letters are.
    """

    name: str
    title: str
    models: Mapping[str, PublishedModel]
    max_length: int = 1022
    kinds: tuple[str, ...] = tuple(KINDS)
    pooling: str = "mean over residues, BOS and EOS excluded"
    precisions: tuple[Precision, ...] = PRECISIONS
    downloaded: bool = False
    reference: bool = False
    mark: str = "ESM"
    tokenizers: tuple[str, ...] = ()
