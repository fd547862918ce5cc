"""The plan of sequences shared by several units of a run, which are computed once.

Within a unit a piece (a sequence, or a window of one) is computed once because its batches are
planned over distinct pieces. What several units have is taken out of their batches and divided
into blocks, each a batch, by this plan: a function of all inputs and the batch budget, made once
and kept in the run folder as long as that exists. So the bytes of an output still do not depend
on who computes what and when, and a repeated output has the same bytes. How a block comes
to be computed once, `workers.vectors.shared_blocks` says.

Each block belongs to the unit that has its pieces first in input order, and is part of that unit's
estimated cost. Files that are added to a run at work have a plan of their own for what several of
their units share, in a folder of it with the number of the first one. A unit that needs a block
nobody has computed yet does so, whichever unit owns it; the plan has the residues, so that no other
input need be read. The plan is as large as the sequences that several units have; workers map it
and hold none of it. Imports no torch.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tui_balancer.errors import UserError
from tui_balancer.outputs.sealing import sync_folder

PLAN_FOLDER = "dereplication"
"""Folder in the run folder; exists if a sequence occurs more than once."""

_ADDED = "from-"
_SUMMARY = "plan.json"
_TEXTS, _ENDS, _KEYS, _ORDER, _BLOCKS, _OWNERS = (
    *("residues.npy", "ends.npy", "keys.npy", "order.npy", "blocks.npy", "owners.npy"),
)

Integers = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Block:
    """A batch of shared pieces, and the unit that they are estimated with."""

    owner: int
    texts: Sequence[str]


def plan_folder(folder: Path, mark: str = "") -> Path:
    """Return where a run's plan is.

    Args:
        folder: The run folder.
        mark: Of the model whose plan it is, in a run with several, see `layout.distinct_marks`.
    """
    return folder / PLAN_FOLDER / mark


def added_plan(place: Path, first: int) -> Path:
    """Return where the plan of files is that were added to a run.

    Args:
        place: See `plan_folder`.
        first: Number of the first one; 0 for the files of the start.
    """
    return place / f"{_ADDED}{first}" if first else place


def added_plans(place: Path) -> list[int]:
    """Return the first numbers of added files that have a plan, sorted; see `added_plan`."""
    numbers = (one.name.removeprefix(_ADDED) for one in place.glob(f"{_ADDED}*"))
    return sorted(int(number) for number in numbers if number.isdecimal())


def discard_plan(place: Path) -> None:
    """Remove the plan of an interrupted scan, with everything computed from it.

    Args:
        place: See `plan_folder`.

    Raises:
        OSError: It cannot be removed.
    """
    if place.exists():
        shutil.rmtree(place)


def write_plan(place: Path, copies: int, blocks: Iterable[Block], stored: int = 0) -> None:
    """Write a run's plan.

    Args:
        place: See `plan_folder`.
        copies: Sequences that have the residues of an earlier one.
        blocks: The shared pieces; all are distinct.
        stored: Sequences whose vectors are in the run's store.

    Raises:
        OSError: It cannot be written.
    """
    place.mkdir(parents=True, exist_ok=True)
    lengths: list[int] = []
    keys: list[int] = []
    bounds, owners = [0], []
    texts: list[bytes] = []
    for block in blocks:
        for text in block.texts:
            texts.append(text.encode())
            lengths.append(len(text))
            keys.append(_key(text))
        bounds.append(len(lengths))
        owners.append(block.owner)
    order = np.argsort(np.array(keys, np.uint64), kind="stable")
    arrays: dict[str, npt.NDArray[Any]] = {
        _TEXTS: np.frombuffer(b"".join(texts), np.uint8),
        _ENDS: np.cumsum(np.array(lengths, np.int64)),
        _KEYS: np.array(keys, np.uint64)[order],
        _ORDER: order,
        _BLOCKS: np.array(bounds, np.int64),
        _OWNERS: np.array(owners, np.int64),
    }
    digest = hashlib.sha256()
    for name, array in arrays.items():
        digest.update(array.tobytes())
        with (place / name).open("wb") as file:
            np.save(file, array)
            file.flush()
            os.fsync(file.fileno())
    summary = {
        "copies": copies,
        "stored": stored,
        "pieces": len(lengths),
        "sha256": digest.hexdigest(),
    }
    unfinished = place / f"{_SUMMARY}.tmp"
    unfinished.write_text(json.dumps(summary) + "\n")
    unfinished.replace(place / _SUMMARY)
    for folder in (place, *place.parents):
        sync_folder(folder)
        if (folder / PLAN_FOLDER).exists():
            break


def planned_copies(folder: Path) -> int:
    """Return the number of sequences of a run with the same residues as an earlier one."""
    return _planned(folder, "copies")


def planned_stored(folder: Path) -> int:
    """Return the number of sequences of a run whose vectors were in its store at the scan."""
    return _planned(folder, "stored")


def _planned(folder: Path, name: str) -> int:
    summaries = (folder / PLAN_FOLDER).rglob(_SUMMARY)
    return sum(int(json.loads(summary.read_text()).get(name, 0)) for summary in summaries)


class SharedPlan:
    """A stored plan, mapped from its files.

    Attributes:
        sha256: SHA-256 of the whole plan.
    """

    def __init__(self, folder: Path, sha256: str) -> None:
        self.sha256 = sha256

        def mapped(name: str) -> Any:
            # An empty file cannot be mapped.
            path = folder / name
            return np.load(path, mmap_mode="r" if path.stat().st_size > 256 else None)

        self._texts, self._ends = mapped(_TEXTS), mapped(_ENDS)
        self._keys, self._order = mapped(_KEYS), mapped(_ORDER)
        self._bounds, self._owners = mapped(_BLOCKS), mapped(_OWNERS)

    @classmethod
    def open(cls, place: Path) -> SharedPlan | None:
        """Return the plan in a folder, see `plan_folder`; None if nothing is shared.

        Raises:
            UserError: It is damaged.
        """
        try:
            summary = json.loads((place / _SUMMARY).read_text())
            return cls(place, summary["sha256"]) if summary["pieces"] else None
        except FileNotFoundError:
            if (place / _SUMMARY).exists():
                raise UserError(f"{place} lacks a file: restore it, or start a new run") from None
            return None
        except (OSError, ValueError, KeyError) as problem:
            raise UserError(f"{place} cannot be read: {problem}") from problem

    def find(self, texts: Sequence[str]) -> Iterator[int | None]:
        """Yield the piece of each text; None if it is not shared."""
        keys = np.array([_key(text) for text in texts], np.uint64)
        for text, key, start in zip(texts, keys, np.searchsorted(self._keys, keys), strict=True):
            position, found = int(start), None
            while found is None and position < len(self._keys) and self._keys[position] == key:
                piece = int(self._order[position])
                found = piece if self.text(piece) == text else None
                position += 1
            yield found

    def text(self, piece: int) -> str:
        """Return the residues of a piece."""
        start = int(self._ends[piece - 1]) if piece else 0
        return bytes(self._texts[start : int(self._ends[piece])]).decode()

    def block_of(self, piece: int) -> int:
        """Return the block of a piece."""
        return bisect_right(self._bounds, piece) - 1

    def pieces(self, block: int) -> range:
        """Return the pieces of a block."""
        return range(int(self._bounds[block]), int(self._bounds[block + 1]))

    def owner(self, block: int) -> int:
        """Return the unit that a block belongs to."""
        return int(self._owners[block])


def _key(text: str) -> int:
    """Return the lookup key of a piece; texts with the same key are compared afterwards."""
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little")
