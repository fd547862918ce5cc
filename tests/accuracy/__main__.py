"""Prints the table of the manual: how far our layers lie from those of the makers' code.

    python -m tests.accuracy
    python -m tests.accuracy esm1b_t33_650M_UR50S prot_t5_xl_uniref50

The shapes are real, the weights random, so nothing is downloaded. Without names it compares a small
model of each family, in a few minutes on a machine that does nothing else; the errors do not depend
on that.
"""

from __future__ import annotations

import argparse
import math

import torch

from tests.accuracy.parity import COMPARED, Differences, compare
from tui_balancer.embedding.families.table import MODELS

SMALL = (
    "esm2_t6_8M_UR50D",
    "esm1_t6_43M_UR50S",
    "DNABERT-S",
    "ankh-base",
    "esmc_300m",
)
"""A model of each family."""

HEADINGS = (
    "",
    "length",
    "fp32, alone",
    "fp32, with others",
    "bf16, alone",
    "bf16, with others",
    "bf16, theirs",
)


def main() -> None:
    """Compare the models, and print a row as soon as it is known."""
    parser = argparse.ArgumentParser(description=__doc__, prog="python -m tests.accuracy")
    parser.add_argument("models", nargs="*", metavar="MODEL", help=f"any of {', '.join(MODELS)}")
    names = parser.parse_args().models or SMALL
    if unknown := [name for name in names if name not in MODELS]:
        parser.error(f"unknown model {unknown[0]}")
    print(_row(HEADINGS))
    print("|---" * len(HEADINGS) + "|")
    for name in names:
        label = f"`{name}`, {COMPARED[MODELS[name].family].against}"
        for row in compare(name):
            both = (row.alone, row.together)
            cosines = (row.alone.cosines, row.together.cosines, row.theirs)
            print(
                _row((label, f"{row.length:,}", *map(_errors, both), *map(_cosines, cosines))),
                flush=True,
            )
            label = ""


def _row(cells: tuple[str, ...]) -> str:
    return f"| {' | '.join(cells)} |".replace("|  |", "| |")


def _errors(found: Differences) -> str:
    """Return the error of the worst layer, and that of the last; rounded up."""
    return " / ".join(f"{_rounded_up(one):.0e}" for one in (found.errors.max(), found.errors[-1]))


def _cosines(found: torch.Tensor) -> str:
    """Return the cosine of the worst layer, and that of the last; rounded down."""
    places = 1e6
    cosines = (found.min(), found[-1])
    return " / ".join(f"{math.floor(float(one) * places) / places:.6f}" for one in cosines)


def _rounded_up(number: torch.Tensor) -> float:
    """Return a positive number with one digit."""
    value = float(number)
    if value == 0:
        return 0.0
    unit = 10.0 ** math.floor(math.log10(value))
    return math.ceil(value / unit) * unit


if __name__ == "__main__":
    main()
