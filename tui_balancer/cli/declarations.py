"""Declarations of options: numbers with their ranges, and flags."""

from __future__ import annotations

import math
import re
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
        time: Whether it is a time, in seconds or with a unit: `90`, `90s`, `5m`, `2h`, `1d`.
        word: What is understood instead of a number; empty for nothing.
    """

    least: float
    most: float
    whole: bool
    above: bool = False
    time: bool = False
    word: str = ""

    def __call__(self, _type: object, tokens: Sequence[Token]) -> float | str:
        """Return the parsed number, or the word.

        Raises:
            UserError: It is not a number, or out of range.
        """
        (token,) = tokens
        if self.word and token.value == self.word:
            return self.word
        try:
            number = self._read(token.value)
        except ValueError:
            number = math.nan
        if self.least <= number <= self.most and not (self.above and number == self.least):
            return number
        where = f"{token.source}: " if token.source not in ("", "cli", "env") else ""
        raise UserError(f"{where}{token.keyword} must be {self}, not {token.value}")

    def __str__(self) -> str:
        kind = "a whole number" if self.whole else "a number"
        kind = "a time such as 90s, 5m or 2h, in seconds" if self.time else kind
        kind = f"{self.word} or {kind}" if self.word else kind
        least = f"more than {self.least:g} and at most" if self.above else f"from {self.least:g} to"
        most = f"{self.most:,}" if self.whole else f"{self.most:,.0f}"
        return f"{kind} {least} {most}"

    def _read(self, text: str) -> float:
        """Return a number; raises ValueError if it is none."""
        if self.whole:
            return int(text)
        timed = _TIME.fullmatch(text.strip()) if self.time else None
        return float(timed[1]) * _SECONDS[timed[2]] if timed is not None else float(text)


_TIME = re.compile(r"([\d.]+)([smhd])")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def whole(least: int, most: int, *, word: str = "", **others: Any) -> Parameter:
    """Return the declaration of an option with an integer, or a word instead."""
    return Parameter(converter=Range(least, most, whole=True, word=word), n_tokens=1, **others)


def decimal(least: float, most: float, *, above: bool = False, **others: Any) -> Parameter:
    """Return the declaration of an option with a number."""
    return Parameter(converter=Range(least, most, whole=False, above=above), n_tokens=1, **others)


def seconds(least: float, most: float, *, above: bool = False, **others: Any) -> Parameter:
    """Return the declaration of an option with a time, given in seconds or with a unit."""
    converter = Range(least, most, whole=False, above=above, time=True)
    return Parameter(converter=converter, n_tokens=1, **others)


def flag(**others: Any) -> Parameter:
    """Return the declaration of a flag."""
    return Parameter(negative="", show_default=False, **others)
