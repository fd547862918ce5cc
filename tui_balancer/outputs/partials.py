"""Partial results: the finished batches of an unfinished output, next to its path.

A partial result is a file of frames, one a batch, appended as the batches finish. A frame holds
the ids of its sequences next to their vectors, and a digest keyed with everything that decides
the output's bytes. So one of another input, model or setting does not verify, nor does one that
was cut short or changed: reading ends there, and the next frame takes its place.

Nothing is synced. What was written survives the process, however that ends; a power cut costs
what the kernel had not written yet, and the digests tell.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from tui_balancer.outputs.dereplication import PLAN_FOLDER
from tui_balancer.outputs.found import find_output_files

PARTIAL_SUFFIX = ".partial"

_DIGEST_BYTES = 16
_HEAD = struct.Struct(f"<IQ{_DIGEST_BYTES}s")
"""Of a frame: bytes of its JSON, bytes of its vectors, digest of both."""


@dataclass(frozen=True, slots=True)
class KeptBatch:
    """A finished batch.

    Attributes:
        number: Its place in the file's plan of batches, from 0.
        ids: Its sequences, N of them.
        vectors: The rows of those, one behind the other; float32 in the machine's byte order.
        split: Whether it had to be computed in parts, for want of memory.
        place: Where its vectors begin in the file; of one that was read.
    """

    number: int
    ids: tuple[str, ...]
    vectors: bytes
    split: bool = False
    place: int = field(default=0, compare=False)


class PartialResult:
    """The finished batches of one output, for one worker at a time.

    Two writers would only cost each other frames: none that was mixed up verifies.
    """

    def __init__(self, path: Path, origin: Mapping[str, object]) -> None:
        """Touch nothing yet.

        Args:
            path: See `partial_path`.
            origin: All that decides the output's bytes, as JSON knows it; frames that were
                kept under another do not count.
        """
        self._path = path
        self._key = hashlib.sha256(json.dumps(origin, sort_keys=True).encode()).digest()
        self._end = 0

    def read(self) -> Iterator[KeptBatch]:
        """Yield what was kept, oldest first; what does not verify ends it.

        Raises:
            OSError: It is there, but cannot be read.
        """
        self._end = 0
        try:
            file = self._path.open("rb")
        except FileNotFoundError:
            return
        with file:
            size = os.fstat(file.fileno()).st_size
            while (batch := self._next(file, size)) is not None:
                self._end = file.tell()
                yield batch

    @property
    def path(self) -> Path:
        """Its path."""
        return self._path

    def keep(self, batch: KeptBatch) -> int:
        """Append a batch after those that `read` yielded or that were kept since.

        Returns:
            Where its vectors begin in the file.

        Raises:
            OSError: It could not be written, e.g. because the disk is full; what was kept
                before is still there.
        """
        # A number: the same batch takes the same room, split or not.
        content = {"batch": batch.number, "ids": batch.ids, "split": int(batch.split)}
        words = json.dumps(content).encode()
        head = _HEAD.pack(len(words), len(batch.vectors), self._digest(words, batch.vectors))
        self._path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT, 0o666)
        with os.fdopen(descriptor, "wb") as file:
            file.truncate(self._end)
            file.seek(self._end)
            for part in (head, words, batch.vectors):
                file.write(part)
        place = self._end + len(head) + len(words)
        self._end = place + len(batch.vectors)
        return place

    def _next(self, file: BinaryIO, size: int) -> KeptBatch | None:
        """Return the frame that begins here, or None when there is no good one."""
        head = file.read(_HEAD.size)
        if len(head) < _HEAD.size:
            return None
        words_bytes, vectors_bytes, digest = _HEAD.unpack(head)
        if file.tell() + words_bytes + vectors_bytes > size:
            return None
        words = file.read(words_bytes)
        place = file.tell()
        vectors = file.read(vectors_bytes)
        if self._digest(words, vectors) != digest:
            return None
        content = json.loads(words)
        ids, split = tuple(content["ids"]), bool(content["split"])
        return KeptBatch(content["batch"], ids, vectors, split, place)

    def _digest(self, words: bytes, vectors: bytes) -> bytes:
        digest = hashlib.blake2b(words, key=self._key, digest_size=_DIGEST_BYTES)
        digest.update(vectors)
        return digest.digest()


def partial_path(output: Path) -> Path:
    """Return the path of an output's partial result, next to the output."""
    return output.with_name(output.name + PARTIAL_SUFFIX)


def part_path(partial: Path, epoch: int) -> Path:
    """Return the partial result's path of a worker that shares an output, next to the others'."""
    return partial.with_name(f"{partial.name.removesuffix(PARTIAL_SUFFIX)}.{epoch}{PARTIAL_SUFFIX}")


def discard_partial(path: Path, newest: int = 0) -> None:
    """Remove a partial result once its output is in place, if possible.

    Args:
        path: See `partial_path`.
        newest: Up to this epoch there may be parts of it.
    """
    for kept in (path, *(part_path(path, epoch) for epoch in range(1, newest + 1))):
        with contextlib.suppress(OSError):
            kept.unlink(missing_ok=True)


def sweep_partials(folder: Path, outputs: Sequence[str]) -> tuple[Path, ...]:
    """Remove the partial results of a run, its shards and shared blocks; return what that was.

    Call it only when no output is still to come.

    Args:
        folder: The run folder.
        outputs: Of the run, as paths in the folder, in any format.
    """
    swept = [one.path for one in find_output_files(folder, outputs) if one.is_partial]
    for parent, _, names in os.walk(folder / PLAN_FOLDER, topdown=False):
        swept += [Path(parent) / name for name in sorted(names) if name.endswith(PARTIAL_SUFFIX)]
    for path in swept:
        discard_partial(path)
        if path.is_relative_to(folder / PLAN_FOLDER):
            with contextlib.suppress(OSError):
                path.parent.rmdir()
    return tuple(swept)
