"""What decides the bytes of an output, besides the input and the weights. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from tui_balancer.errors import UserError
from tui_balancer.representations import Representations

Precision = Literal["fp32", "bf16", "fp16"]
PRECISIONS: Final[tuple[Precision, ...]] = ("fp32", "bf16", "fp16")
PrecisionChoice = Literal["auto", "fp32", "bf16", "fp16"]
ReadAs = Literal["3di"]
Long = Literal["truncate", "window", "skip"]


@dataclass(frozen=True, slots=True)
class EmbeddingSettings:
    """Settings of the forward pass; one for the whole run.

    Attributes:
        repr_layers: Layers whose representations are kept; negative counts from the last.
        max_length: Residues that go through the model together; what is done with longer
            sequences, `long` says.
        batch_tokens: Padded tokens in a batch, at most (one longer sequence is a batch alone).
        precision: Number format of products and attention; all else is float32 always.
        reference: Compute with fair-esm's own forward pass, in float32, instead of ours.
        include: Names of the kinds that are kept, see `representations.KINDS`.
        long: Whether longer sequences are cut, go through in windows, or are left out.
        dereplicate: Compute sequences that occur several times in the run once.
    """

    repr_layers: tuple[int, ...] = (-1,)
    max_length: int = 1022
    batch_tokens: int = 4096
    precision: Precision = "fp32"
    reference: bool = False
    include: tuple[str, ...] = ("mean",)
    long: Long = "truncate"
    dereplicate: bool = True

    @property
    def forward(self) -> str:
        """Name of the forward pass that computes, as outputs and tables say it."""
        return "fair-esm" if self.reference else "packed"

    def representations(self, layers: int, width: int) -> Representations:
        """Return what is kept of a model with so many layers of this width.

        Raises:
            UserError: It has no such layer, or there is no such kind.
        """
        chosen = sorted({resolve_layer(one, layers) for one in self.repr_layers})
        return Representations.named(tuple(chosen), self.include, width)


def resolve_layer(repr_layer: int, layers: int) -> int:
    """Return a layer's number from 0 to `layers`; negative ones count from the last, at -1.

    Raises:
        UserError: There is no such layer.
    """
    if not -(layers + 1) <= repr_layer <= layers:
        raise UserError(
            f"no layer {repr_layer}: the model has layers 0 to {layers}, or {-layers - 1} to -1"
        )
    return repr_layer % (layers + 1)
