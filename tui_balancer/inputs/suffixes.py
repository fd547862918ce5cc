"""Suffixes of file names that say how sequences are stored."""

from __future__ import annotations

import os

from tui_balancer.inputs.unpacking import SUFFIXES

FASTA_SUFFIXES = frozenset(
    {".aa", ".fa", ".faa", ".fas", ".fasta", ".ffn", ".fna", ".fsa", ".mpfa", ".pep", ".prot"}
)
"""Suffixes that claim FASTA; case does not matter, that of a packing may follow."""

ARCHIVE_SUFFIXES = frozenset(
    {".7z", ".lz", ".lz4", ".rar", ".tar", ".tbz2", ".tgz", ".txz", ".z", ".zip"}
)


def split_suffix(name: str) -> tuple[str, str]:
    """Split a file name into stem and suffix, `a.b.faa.gz` into `a.b` and `.faa.gz`.

    Only suffixes that say how sequences are stored are taken off: `sample.v2` is a stem.
    """
    stem = without_packing(name)
    inner = os.path.splitext(stem)[1]  # noqa: PTH122 - pathlib takes ten times as long
    if inner.lower() in FASTA_SUFFIXES or inner.lower() == ".txt":
        stem = stem[: -len(inner)]
    if not stem:
        return name, ""
    return stem, name[len(stem) :]


def claims_fasta(path: str) -> bool:
    """Whether the suffix of a path says that the file is FASTA."""
    _, suffix = split_suffix(path.rpartition("/")[2])
    return without_packing(suffix).lower() in FASTA_SUFFIXES


def without_packing(name: str) -> str:
    """Return a name without the suffix of a packing, `.gz` and the like."""
    stem, dot, suffix = name.rpartition(".")
    return stem if (dot + suffix).lower() in SUFFIXES else name
