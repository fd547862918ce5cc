"""Where outputs lie: the inputs' tree mirrored in the run folder, `NAME.fasta` → `NAME_ESM.pt`.

A run with other formats has other suffixes than `.pt`; with several, an input's outputs lie side by
side, and the first is the one that the ledger's `output` names. A run with several models has an
output of each, with the model's mark instead of `_ESM`, see `marks`.

No two inputs share an output, no output leaves the run folder, and the paths depend on the
set of inputs alone. Names are compared as the most forgetful file system would, without case
and Unicode form. Where inputs collide, all of them keep their suffix (`NAME.faa_ESM.pt`); where
that is not enough, a hash of the input's place is added.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections import defaultdict
from collections.abc import Collection, Sequence
from pathlib import Path, PurePath
from typing import NamedTuple, Protocol

from tui_balancer.outputs.formats import FORMATS

STEM_SUFFIX = "_ESM"
OUTPUT_SUFFIX = f"{STEM_SUFFIX}.pt"

OTHER_OUTPUTS = (f"merged{STEM_SUFFIX}.any", f"space{STEM_SUFFIX}.any")
"""Stand for merged outputs and the probe for space, which have temporary files and no input."""

_OUTPUT_NAME = re.compile(rf"{STEM_SUFFIX.casefold()}\.[a-z0-9]+\Z")

_MERGED = "|".join(one.suffix[1:] for one in FORMATS.values() if one.merges)
_RUN_FILE = re.compile(
    rf"merged\.({_MERGED}|tsv|json)|ledger\.sqlite(-wal|-shm|-journal)?"
    r"|run\.lock|attach\.json|stdin\.fasta|dereplication"
)
"""Names that a run writes into its folder, in addition to outputs and logs."""

_UNSAFE = re.compile(r"[^A-Za-z0-9-]+")

_NAME_BYTES = 200
"""Of the 255 that file systems allow; the rest is for the suffixes."""

_FOLDER_BYTES = 1024
"""Of a mirrored folder's path; what is deeper gets one hashed folder instead."""


class Source(Protocol):
    """What the layout needs from an input; `inputs.InputFile` implements it."""

    @property
    def relative(self) -> PurePath:
        """Its place in the mirrored tree, without the suffix."""

    @property
    def suffix(self) -> str:
        """What was taken off its name."""


def output_paths(
    sources: Sequence[Source],
    suffix: str = ".pt",
    mark: str = STEM_SUFFIX,
    taken: Collection[str] = (),
) -> tuple[PurePath, ...]:
    """Return each source's output, relative to the run folder.

    Args:
        sources: All inputs of the run, or those that are added to it.
        suffix: Of the outputs' format; the rest of the paths does not depend on it.
        mark: Of the model that makes them.
        taken: Outputs of other inputs, as `comparable` has them: what collides with one gives way,
            unless no name is left.

    Raises:
        ValueError: Two sources are the same.
    """

    def final(output: PurePath) -> PurePath:
        return output.with_name(f"{output.stem.removesuffix(STEM_SUFFIX)}{mark}{suffix}")

    # Once: there may be a million.
    places = [_Place(source.relative, source.suffix) for source in sources]
    if len(set(places)) < len(places):
        raise ValueError("an input is listed twice")
    namings = [_by_stem] * len(places)
    outputs = list(map(_by_stem, places))
    while True:
        sharing: defaultdict[str, list[int]] = defaultdict(list)
        for index, output in enumerate(outputs):
            sharing[comparable(str(output))].append(index)
        crowded = [index for group in sharing.values() if len(group) > 1 for index in group]
        if taken:
            crowded += [n for n, one in enumerate(outputs) if comparable(str(final(one))) in taken]
        movable = [index for index in crowded if namings[index] in _NEXT_NAMING]
        if not movable:
            return tuple(map(final, outputs))
        for index in dict.fromkeys(movable):
            namings[index] = _NEXT_NAMING[namings[index]]
            outputs[index] = namings[index](places[index])


def marked_output(output: str, marks: Sequence[str]) -> int:
    """Return the place of the mark that an output, or a shard of one, has among those of a run.

    Args:
        output: Its path.
        marks: As `distinct_marks` returns them.
    """
    if len(marks) == 1:
        return 0
    stem = PurePath(output).stem
    return next((n for n, mark in enumerate(marks) if stem.endswith(mark)), 0)


def distinct_marks(names: Sequence[str]) -> tuple[str, ...]:
    """Return what outputs of models have behind their inputs' names, `_esm2_t6_8M_UR50D`.

    No mark ends with another one: no two inputs share an output, and each output tells its model.

    Args:
        names: Of the models.
    """
    found: list[str] = []
    for name in names:
        mark = base = f"_{_UNSAFE.sub('_', name).strip('_')}"
        number = 1
        while _mixed_up(mark, found):
            number += 1
            mark = f"{base}-{number}"
        found.append(mark)
    return tuple(found)


def _mixed_up(mark: str, others: Collection[str]) -> bool:
    one = comparable(mark)
    return any(one.endswith(other) or other.endswith(one) for other in map(comparable, others))


def temporary_path(final: Path, epoch: int) -> Path:
    """Return the temporary path of an attempt, next to `final`."""
    return final.with_name(f"{final.name}.{epoch}.tmp")


def shard_path(output: PurePath, number: int) -> PurePath:
    """Return the path of a finished shard until all are done, next to its file's output.

    Args:
        output: Of the file.
        number: Of the shard, from 1.
    """
    return output.with_suffix(f".shard{number}")


class _Place(NamedTuple):
    """See `Source`."""

    relative: PurePath
    suffix: str


def _by_stem(place: _Place) -> PurePath:
    return _folder(place) / (safe_name(place.relative.name) + OUTPUT_SUFFIX)


def _by_whole_name(place: _Place) -> PurePath:
    return _folder(place) / (safe_name(place.relative.name + place.suffix) + OUTPUT_SUFFIX)


def _by_hash(place: _Place) -> PurePath:
    name = safe_name(place.relative.name + place.suffix)
    told = digest(repr((str(place.relative), place.suffix)))
    return _folder(place) / f"{name}-{told}{OUTPUT_SUFFIX}"


_NEXT_NAMING = {_by_stem: _by_whole_name, _by_whole_name: _by_hash}


def _folder(place: _Place) -> PurePath:
    """Return the mirrored folder: relative, without `..`, of bearable length."""
    mirrored = place.relative.parent
    safe = PurePath(*map(_safe_folder_name, mirrored.parts))
    if safe.parts and _RUN_FILE.fullmatch(comparable(safe.parts[0])):
        safe = PurePath(f"{safe.parts[0]}-{digest(safe.parts[0])}", *safe.parts[1:])
    if len(str(safe).encode()) > _FOLDER_BYTES:
        return PurePath(f"deep-{digest(str(mirrored))}")
    return safe


def _safe_folder_name(name: str) -> str:
    # A folder must not take the name of an output, in whatever format.
    if _OUTPUT_NAME.search(comparable(name)):
        return f"{safe_name(name)}-{digest(name)}"
    return safe_name(name)


def safe_name(name: str) -> str:
    """Return a single path component; a name that has to be changed is hashed as well."""
    safe = "".join(letter if letter.isprintable() and letter != "/" else "_" for letter in name)
    encoded = safe.encode()
    if len(encoded) > _NAME_BYTES:
        safe = encoded[: _NAME_BYTES - 20].decode(errors="ignore")
    if safe != name or name in ("", ".", ".."):
        return f"{safe.lstrip('.')}-{digest(name)}"
    return name


def digest(text: str) -> str:
    """Return what tells two texts apart where a name made of them does not."""
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:16]


def comparable(text: str) -> str:
    """Return a name as the most forgetful file system takes it."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold())
