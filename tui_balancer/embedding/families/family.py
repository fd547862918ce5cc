"""What the program asks a model family. Imports no torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tui_balancer.embedding.models import ModelShape


@dataclass(frozen=True, slots=True)
class Family:
    """A family of models; `families.NAME.code` loads and computes them, see `code.FamilyCode`.

    Attributes:
        name: Of its folder.
        title: Its name as people write it.
        described: What a model of it is, as the help of `--model` says it.
        models: The architectures of its models, by their names.
        hub_owner: Publishes them on the Hugging Face Hub, each under its name.
    """

    name: str
    title: str
    described: str
    models: Mapping[str, ModelShape]
    hub_owner: str
