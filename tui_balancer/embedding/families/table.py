"""The model families, all in one table. Imports no torch."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from tui_balancer.embedding.families.dnabert.family import FAMILY as DNABERT
from tui_balancer.embedding.families.esm1.family import FAMILY as ESM1
from tui_balancer.embedding.families.esm2.family import FAMILY as ESM2
from tui_balancer.embedding.families.esmc.family import FAMILY as ESMC
from tui_balancer.embedding.families.family import Family
from tui_balancer.embedding.families.t5.family import FAMILY as T5
from tui_balancer.embedding.models import ModelShape

_ALL = (
    ESM2,
    ESM1,
    ESMC,
    T5,
    DNABERT,
)

FAMILIES: Mapping[str, Family] = MappingProxyType({family.name: family for family in _ALL})

MODELS: Mapping[str, ModelShape] = MappingProxyType(
    {name: model.shape for family in FAMILIES.values() for name, model in family.models.items()}
)
"""The architectures of the models that have a name, of all families."""

TITLES = ", ".join(family.title for family in FAMILIES.values())
"""The families' names as people write them."""

DEFAULT_MODEL = "esm2_t33_650M_UR50D"

SMALLEST_MODEL = "esm2_t6_8M_UR50D"
"""For demos and benchmarks; stands for the model where none was named."""
