"""The kept parts of a sequence, and their layout in a row. Imports no torch.

All that is kept of a sequence is one row of float32 numbers, which workers hand on without knowing
what they mean: kind by kind, in the order of `KINDS`, and layer by layer.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from math import prod
from types import MappingProxyType
from typing import Literal

from tui_balancer.errors import UserError

Axis = Literal["width", "length"]


@dataclass(frozen=True, slots=True)
class Kind:
    """One thing that can be kept of a sequence; the module `embedding.kinds.NAME` computes it.

    Attributes:
        name: As in `--include`.
        words: What it is, as the help says it.
        axes: Of its shape: the D numbers of a state, and the L residues of the sequence.
        key: Its name in a file of fair-esm's.
        source: Whether each layer's states have one, or the attention of all layers together.
        joins: Whether it can be put together from the windows of a long sequence.
    """

    name: str
    words: str
    axes: tuple[Axis, ...]
    key: str
    source: Literal["states", "attention"] = "states"
    joins: bool = True

    @property
    def fixed(self) -> bool:
        """Whether it has one size, however long the sequence is."""
        return "length" not in self.axes

    def shape(self, length: int, width: int) -> tuple[int, ...]:
        """Return its shape for a sequence of so many residues, in a model of this width."""
        return tuple(length if axis == "length" else width for axis in self.axes)


_KINDS = (
    Kind("mean", "over the residues", ("width",), "mean_representations"),
    Kind("bos", "the first token", ("width",), "bos_representations"),
    Kind("per_tok", "every residue", ("length", "width"), "representations"),
    Kind(
        "contacts",
        "from the attention of all layers",
        ("length", "length"),
        "contacts",
        source="attention",
        joins=False,
    ),
)
KINDS: Mapping[str, Kind] = MappingProxyType({kind.name: kind for kind in _KINDS})
"""By name, in the order of a row; names and shapes are those of fair-esm's `extract.py`."""


def kinds_named(names: Iterable[str]) -> tuple[Kind, ...]:
    """Return kinds in the order of a row, each once.

    Raises:
        UserError: There is no such kind.
    """
    wanted = set(names)
    for name in wanted - KINDS.keys():
        raise UserError(f"unknown --include {name!r}: choose from {', '.join(KINDS)}")
    return tuple(kind for kind in KINDS.values() if kind.name in wanted)


@dataclass(frozen=True, slots=True)
class Part:
    """One kind of one layer in a sequence's row.

    Attributes:
        kind: What it is.
        layer: Of which layer; 0 for what comes from all of them.
        start: Its first number's place in the row.
        shape: See `Kind.shape`.
    """

    kind: Kind
    layer: int
    start: int
    shape: tuple[int, ...]

    @property
    def numbers(self) -> slice:
        """Its numbers in the row."""
        return slice(self.start, self.start + prod(self.shape))

    @property
    def name(self) -> str:
        """What formats with named columns call it: `mean_33`, `contacts`."""
        each_layer = self.kind.source == "states"
        return f"{self.kind.name}_{self.layer}" if each_layer else self.kind.name


@dataclass(frozen=True)
class Representations:
    """The parts that a run keeps of each sequence.

    Attributes:
        layers: Whose states, ascending, at least one.
        kinds: In the order of `KINDS`, at least one.
        width: D, numbers in a layer's state of one token.
    """

    layers: tuple[int, ...]
    kinds: tuple[Kind, ...]
    width: int

    @classmethod
    def named(cls, layers: tuple[int, ...], names: Iterable[str], width: int) -> Representations:
        """Return what is kept, its kinds by their names.

        Raises:
            UserError: There is no such kind.
        """
        return cls(layers, kinds_named(names), width)

    @classmethod
    def mean(cls, layer: int, width: int) -> Representations:
        """Return the usual choice: one vector a sequence."""
        return cls.named((layer,), ("mean",), width)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the kinds."""
        return tuple(kind.name for kind in self.kinds)

    @cached_property
    def fixed(self) -> bool:
        """Whether all sequences have rows of one size, however long they are."""
        return all(kind.fixed for kind in self.kinds)

    @cached_property
    def attention(self) -> bool:
        """Whether something is kept of the attention of all layers."""
        return any(kind.source == "attention" for kind in self.kinds)

    @cached_property
    def single(self) -> bool:
        """Whether there is one kind of one layer alone."""
        return sum(1 for _ in self.parts(0)) == 1

    @cached_property
    def plain(self) -> bool:
        """Whether it is the usual choice."""
        return self.single and self.names == ("mean",)

    def numbers(self, length: int) -> int:
        """Return the size of the row of a sequence of so many residues."""
        return sum(
            prod(kind.shape(length, self.width)) * len(self._layers(kind)) for kind in self.kinds
        )

    def parts(self, length: int) -> Iterator[Part]:
        """Yield what is in the row of a sequence of so many residues, in order."""
        start = 0
        for kind in self.kinds:
            for layer in self._layers(kind):
                part = Part(kind, layer, start, kind.shape(length, self.width))
                yield part
                start = part.numbers.stop

    def _layers(self, kind: Kind) -> tuple[int, ...]:
        return self.layers if kind.source == "states" else (0,)
