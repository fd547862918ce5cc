"""The filter for files: states, devices and words of names, in any order."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from tui_balancer.device_names import device_name
from tui_balancer.ui.state.file_table import FileState

_TOKEN: Final = re.compile(r'"([^"]*)"?|([^\s"]+)')
"""A quoted text, perhaps without its closing quote yet, or a word."""

_STATES: Final = {state.word: state for state in FileState}


@dataclass(frozen=True, slots=True)
class FileFilter:
    """A parsed filter; a file passes if it passes every part that is not empty.

    Attributes:
        states: The file is in one of these states; in the order of `FileState`.
        devices: It waits for, runs on, or ended on one of these devices; in the run's order.
        words: Its name contains all of these; in lower case.
    """

    states: tuple[FileState, ...] = ()
    devices: tuple[str, ...] = ()
    words: tuple[str, ...] = ()


def parse_filter(text: str, devices: Sequence[str]) -> FileFilter:
    """Parse a filter.

    Several states mean any of them, and so do several devices. A quoted text is always part of a
    name, including its spaces.

    Args:
        text: The typed text.
        devices: All devices of the run, in its order.
    """
    states: set[FileState] = set()
    places: set[str] = set()
    words: list[str] = []
    for quoted, word in _TOKEN.findall(text.lower()):
        here = devices_of(word, devices) if word else ()
        if word in _STATES:
            states.add(_STATES[word])
        elif here:
            places.update(here)
        elif quoted or word:
            words.append(quoted or word)
    return FileFilter(
        tuple(sorted(states)),
        tuple(device for device in devices if device in places),
        tuple(dict.fromkeys(words)),
    )


def devices_of(word: str, devices: Iterable[str]) -> tuple[str, ...]:
    """Return the devices that a word matches: whole parts of their names, from the first.

    `cuda` matches all of that kind, `node1` all of that node, and `cuda:1` that card of each node,
    with all of its workers.
    """
    parts = re.escape(word.rstrip("/:"))
    if not parts:
        return ()
    named = re.compile(rf"{parts}(?:[/:]|$)", re.IGNORECASE).match
    return tuple(
        device for device in devices if named(device) or named(device_name(device).on_node)
    )


def filter_text(words: Iterable[str], devices: Sequence[str]) -> str:
    """Return words of names as filter text, quoted where they would mean something else."""
    plain = ((word, parse_filter(word, devices).words == (word,)) for word in words)
    return " ".join(word if alone else f'"{word}"' for word, alone in plain)
