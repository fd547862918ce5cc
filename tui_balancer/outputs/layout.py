"""Where outputs lie: the inputs' tree mirrored in the run folder, `NAME.fasta` → `NAME_ESM.pt`.

No two inputs share an output, no output leaves the run folder, and the paths depend on the
set of inputs alone. Names are compared as the most forgetful file system would, without case
and Unicode form. Where inputs collide, all of them keep their suffix (`NAME.faa_ESM.pt`); where
that is not enough, a hash of the input's place is added.
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path, PurePath
from typing import Protocol

OUTPUT_SUFFIX = "_ESM.pt"

_NAME_BYTES = 200
"""Of the 255 that file systems allow; the rest is for the suffixes."""

_FOLDER_BYTES = 1024
"""Of a mirrored folder's path; what is deeper gets one hashed folder instead."""


class Source(Protocol):
    """What the layout must know of an input; `inputs.InputFile` is one."""

    @property
    def relative(self) -> PurePath:
        """Its place in the mirrored tree, without the suffix."""

    @property
    def suffix(self) -> str:
        """What was taken off its name."""


def output_paths(sources: Sequence[Source]) -> tuple[PurePath, ...]:
    """Return each source's output, relative to the run folder.

    Raises:
        ValueError: Two sources are the same.
    """
    if len({(source.relative, source.suffix) for source in sources}) < len(sources):
        raise ValueError("an input is listed twice")
    candidates = [_candidates(source) for source in sources]
    chosen = [0] * len(sources)
    while True:
        sharing: defaultdict[str, list[int]] = defaultdict(list)
        for index, names in enumerate(candidates):
            sharing[_comparable(names[chosen[index]])].append(index)
        crowded = [index for group in sharing.values() if len(group) > 1 for index in group]
        movable = [index for index in crowded if chosen[index] < len(candidates[index]) - 1]
        if not movable:
            return tuple(names[chosen[index]] for index, names in enumerate(candidates))
        for index in movable:
            chosen[index] += 1


def temporary_path(final: Path, epoch: int) -> Path:
    """Return where one attempt writes before it is published: beside `final`."""
    return final.with_name(f"{final.name}.{epoch}.tmp")


def _candidates(source: Source) -> tuple[PurePath, PurePath, PurePath]:
    """Return the outputs to try in turn: by stem, by whole name, by hash."""
    relative = source.relative
    parts = relative.parts[1:] if relative.anchor else relative.parts
    *folders, stem = parts or ("",)
    folder = _safe_folder(folders)
    whole = stem + source.suffix
    place = _digest("/".join([*parts[:-1], whole]) + "\n" + relative.anchor)
    return (
        folder / (_safe_name(stem) + OUTPUT_SUFFIX),
        folder / (_safe_name(whole) + OUTPUT_SUFFIX),
        folder / f"{_safe_name(whole)}-{place}{OUTPUT_SUFFIX}",
    )


def _safe_folder(folders: list[str]) -> PurePath:
    safe = PurePath(*map(_safe_folder_name, folders))
    if len(str(safe).encode()) > _FOLDER_BYTES:
        return PurePath(f"deep-{_digest('/'.join(folders))}")
    return safe


def _safe_folder_name(name: str) -> str:
    # A folder must not take the name of an output.
    if name.lower().endswith(OUTPUT_SUFFIX.lower()):
        return f"{_safe_name(name)}-{_digest(name)}"
    return _safe_name(name)


def _safe_name(name: str) -> str:
    """Return a single path component; a name that has to be changed is hashed as well."""
    safe = "".join(letter if letter.isprintable() and letter != "/" else "_" for letter in name)
    encoded = safe.encode()
    if len(encoded) > _NAME_BYTES:
        safe = encoded[: _NAME_BYTES - 20].decode(errors="ignore")
    if safe != name or name in ("", ".", ".."):
        return f"{safe.lstrip('.')}-{_digest(name)}"
    return name


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode(errors="surrogateescape")).hexdigest()[:16]


def _comparable(path: PurePath) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", str(path)).casefold())
