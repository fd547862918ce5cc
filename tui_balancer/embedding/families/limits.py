"""What a model can be asked for. Imports no torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from tui_balancer.embedding.families.table import FAMILIES
from tui_balancer.embedding.models import ModelShape, ModelSource
from tui_balancer.embedding.settings import resolve_layer
from tui_balancer.errors import UserError


def default_max_length(shape: ModelShape) -> int:
    """Return the residues that go through a model together, unless a person says otherwise."""
    usual = FAMILIES[shape.family].max_length
    return min(usual, shape.longest or usual)


def of_structures(model: ModelSource) -> ModelSource:
    """Return a model as it reads structures in 3Di instead of amino acids.

    Raises:
        UserError: It reads none.
    """
    shape = model.shape.of_structures
    if shape is None:
        raise UserError(
            f"--as 3di: {model.label} reads no structures, as ProstT5 does; leave it out"
        )
    return replace(model, label=f"{model.label} of structures", shape=shape)


def refuse_beyond_limits(
    shape: ModelShape,
    *,
    repr_layers: Sequence[int],
    include: Sequence[str],
    max_length: int,
    reference: bool,
) -> None:
    """Refuse what a model cannot compute; see `settings.EmbeddingSettings` for the arguments.

    Raises:
        UserError: One line that says what it cannot, and what it can.
    """
    family = FAMILIES[shape.family]
    for layer in repr_layers:
        resolve_layer(layer, shape.layers)
    if absent := [kind for kind in include if kind not in family.kinds]:
        raise UserError(
            f"{family.title} has no {' and no '.join(absent)}: choose from "
            f"{', '.join(family.kinds)} with --include"
        )
    if shape.longest is not None and max_length > shape.longest:
        raise UserError(
            f"--max-length {max_length} is more than the {shape.longest} residues that the model "
            "has positions for: choose less, and --long window to keep longer sequences whole"
        )
    if reference and not family.reference:
        raise UserError(
            f"--reference: the makers' code of {family.title} is not part of the program; "
            "leave it out"
        )
