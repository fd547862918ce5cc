"""The table of output formats. Imports no torch.

Each has its own module with `write(path, content)` and `read(path)`. Modules are imported
when they are needed: some want libraries that are large, or that not everybody has.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias, cast

from tui_balancer.errors import UserError
from tui_balancer.extras import Extra, require
from tui_balancer.representations import KINDS, Representations

if TYPE_CHECKING:
    from tui_balancer.outputs.content import Content, Stored
    from tui_balancer.outputs.sealing import Written

Holds = Literal["plain", "fixed", "all"]
FormatName: TypeAlias = str
"""A key of `FORMATS`."""


@dataclass(frozen=True, slots=True)
class Format:
    """A format of outputs.

    Attributes:
        name: As in `--format`.
        suffix: Of its files, behind `NAME_ESM`.
        module: Writes and reads it, in this package.
        entry_bytes: Typical maximum bytes per sequence, without its vector.
        file_bytes: Bytes per file, without its sequences.
        extra: Brings the library that the module needs; None where every installation has it.
        holds: What it can hold of a sequence: one mean, rows of a fixed size, or all.
        number_bytes: What a number of a vector takes.
        merges: Whether one file can hold a whole run.
        words: What it is, as the help says it; empty where the name tells.
    """

    name: str
    suffix: str
    module: str
    entry_bytes: int
    file_bytes: int = 4096
    extra: Extra | None = None
    holds: Holds = "all"
    number_bytes: int = 4
    merges: bool = True
    words: str = ""


_FORMATS = (
    Format(
        *("virnucpro", ".pt", "virnucpro", 160),
        holds="plain",
        words="a .pt as VirNucPro's tools read it",
    ),
    Format(
        *("esm", ".esm", "fairesm", 4096 + 1400),
        merges=False,
        words="a folder with a .pt for each sequence, as fair-esm's extract.py writes them",
    ),
    Format("h5", ".h5", "hdf5", 500, 8192),
    Format("npz", ".npz", "npz", 200, holds="fixed"),
    Format("parquet", ".parquet", "parquet", 150, 16384, extra="parquet"),
)
FORMATS: Mapping[FormatName, Format] = MappingProxyType({one.name: one for one in _FORMATS})
"""The formats by name."""

INDEX = Format("index", ".tsv", "index", 220, 256)
"""Written for every input next to its vectors: metadata of each sequence, without vectors."""

SHARD = Format("shard", ".shard", "shard", 400)
"""What a shard of a file is kept in until it becomes part of the file's outputs."""

DEFAULT_FORMATS: tuple[FormatName, ...] = ("virnucpro",)


class Writer(Protocol):
    """The writing function of a format's module."""

    def write(self, path: Path, content: Content) -> Written:
        """Write an output; the bytes are a function of the content alone. `sealing.sync` syncs it.

        Args:
            path: The path; an existing file is overwritten.

        Raises:
            OSError: It cannot be written, e.g. because the disk is full.
        """


class Reader(Protocol):
    """The reading function of a format's module."""

    def read(self, path: Path) -> Stored:
        """Open an output; its vectors are read on demand.

        Raises:
            UserError: It is unreadable or something else; also raised while reading vectors.
        """


def writer(one: Format) -> Writer:
    """Return the writer of a format; imports it, and torch for some.

    Raises:
        MissingExtra: The format's library is not installed.
    """
    require_installed(one)
    return cast(Writer, import_module(f"{__package__}.{one.module}"))


def reader(one: Format) -> Reader:
    """Return the reader of a format; imports it, and torch for some.

    Raises:
        MissingExtra: The format's library is not installed.
    """
    require_installed(one)
    return cast(Reader, import_module(f"{__package__}.{one.module}"))


def require_installed(*formats: Format) -> None:
    """Check that the libraries of formats are installed.

    Raises:
        MissingExtra: One is not.
    """
    for one in formats:
        if one.extra is not None:
            require(one.extra, f"the format {one.name}")


def parse_formats(text: str) -> tuple[FormatName, ...]:
    """Parse `--format`: one format, or several separated by commas.

    Raises:
        UserError: A format does not exist, or its library is not installed.
    """
    found: list[FormatName] = []
    for word in text.split(","):
        name = word.strip()
        if name not in FORMATS:
            close = difflib.get_close_matches(name, FORMATS, n=1, cutoff=0.5)
            hint = f"did you mean {close[0]}?" if close else f"choose from {', '.join(FORMATS)}"
            raise UserError(f"unknown format {name!r}: {hint}")
        if name not in found:
            found.append(name)
    require_installed(*(FORMATS[name] for name in found))
    return tuple(found)


def require_room(formats: Sequence[FormatName], kept: Representations) -> None:
    """Check that formats can store the kept parts of a sequence.

    Raises:
        UserError: One cannot; the message says which can.
    """
    for name in formats:
        if FORMATS[name].holds == "plain" and not kept.plain:
            raise UserError(
                f"--format {name} holds the mean of one layer alone: choose "
                f"{_that_hold('fixed', 'all')} for more layers or another --include"
            )
        if FORMATS[name].holds == "fixed" and not kept.fixed:
            large = " nor ".join(kind.name for kind in KINDS.values() if not kind.fixed)
            raise UserError(
                f"--format {name} holds vectors, neither {large}: choose {_that_hold('all')}"
            )


def _that_hold(*what: Holds) -> str:
    *others, last = (one.name for one in FORMATS.values() if one.holds in what)
    return f"{', '.join(others)} or {last}"


def outputs_of(formats: Sequence[FormatName]) -> tuple[Format, ...]:
    """Return all outputs of an input: its formats, and the index last."""
    return (*(FORMATS[name] for name in formats), INDEX)


def format_of(path: Path) -> Format:
    """Return the format of a file's suffix.

    Raises:
        UserError: No format has it.
    """
    for one in FORMATS.values():
        if path.suffix == one.suffix:
            return one
    known = ", ".join(one.suffix for one in FORMATS.values())
    raise UserError(f"{path} has the suffix of no format: {known}")
