"""Declarations of options: numbers with their ranges, and flags."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from cyclopts import Parameter, Token

from tui_balancer.errors import UserError


@dataclass(frozen=True, slots=True)
class Range:
    """A cyclopts converter that parses a number within a range.

    Attributes:
        least: Minimum.
        most: Maximum.
        whole: Whether it must be an integer.
        above: Whether the minimum itself is excluded.
    """

    least: float
    most: float
    whole: bool
    above: bool = False

    def __call__(self, _type: object, tokens: Sequence[Token]) -> float:
        """Return the parsed number.

        Raises:
            UserError: It is not a number, or out of range.
        """
        (token,) = tokens
        try:
            number = int(token.value) if self.whole else float(token.value)
        except ValueError:
            number = math.nan
        if self.least <= number <= self.most and not (self.above and number == self.least):
            return number
        where = f"{token.source}: " if token.source not in ("", "cli", "env") else ""
        raise UserError(f"{where}{token.keyword} must be {self}, not {token.value}")

    def __str__(self) -> str:
        kind = "a whole number" if self.whole else "a number"
        least = f"more than {self.least:g} and at most" if self.above else f"from {self.least:g} to"
        most = f"{self.most:,}" if self.whole else f"{self.most:,.0f}"
        return f"{kind} {least} {most}"


def whole(least: int, most: int, **others: Any) -> Parameter:
    """Return the declaration of an option with an integer."""
    return Parameter(converter=Range(least, most, whole=True), n_tokens=1, **others)


def decimal(least: float, most: float, *, above: bool = False, **others: Any) -> Parameter:
    """Return the declaration of an option with a number."""
    return Parameter(converter=Range(least, most, whole=False, above=above), n_tokens=1, **others)


def flag(**others: Any) -> Parameter:
    """Return the declaration of a flag."""
    return Parameter(negative="", show_default=False, **others)
