"""A whole FASTA file, or a stretch of it, in memory: what a worker embeds."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, replace
from pathlib import Path

from tui_balancer.inputs.fasta import FastaStream
from tui_balancer.inputs.ids import distinct, numbered
from tui_balancer.inputs.records import ProteinRecord, ReadingRules
from tui_balancer.inputs.segments import Stretch, joint_sha256, segments


@dataclass(frozen=True, slots=True)
class FastaContent:
    """A whole FASTA file.

    Attributes:
        records: Its sequences in file order; ids are distinct.
        sha256: Of the file's raw bytes.
        left_out: Empty sequences, and those longer than `--long skip` takes, without residues.
        segments: Where in `records` its segments begin, if it has several.
    """

    records: tuple[ProteinRecord, ...]
    sha256: str
    left_out: tuple[ProteinRecord, ...] = ()
    segments: tuple[int, ...] = ()


def read_fasta(path: Path, rules: ReadingRules, stretch: Stretch | None = None) -> FastaContent:
    """Read a whole FASTA file, or a stretch of it.

    `numbered` makes ids of a stretch unique, because the rest of the file is not known; `distinct`
    makes those of the file of them.

    Raises:
        InputError: It cannot be used.
        OSError: It cannot be read.
    """
    if stretch is None:
        streams = [FastaStream(path, rules)]
    else:
        cuts = segments(path, rules.segment_bytes, stretch)
        streams = [FastaStream(path, rules, cut) for cut in cuts]
    found: list[ProteinRecord] = []
    places: list[int] = []
    for stream in streams:
        for record in stream.all_records():
            found.append(record)
            places.append(stream.position)
    if stretch is None:
        names = distinct([record.id for record in found], [record.length == 0 for record in found])
        named = [
            record if record.id == name else replace(record, id=name, repeats=record.id)
            for record, name in zip(found, names, strict=True)
        ]
        sha256 = streams[0].sha256
        cuts = segments(path, rules.segment_bytes)
    else:
        named = [
            replace(record, id=numbered(place, record.id))
            for record, place in zip(found, places, strict=True)
        ]
        sha256 = joint_sha256(stream.sha256 for stream in streams)
    kept = [place for place, record in zip(places, named, strict=True) if record.residues]
    return FastaContent(
        tuple(record for record in named if record.residues),
        sha256,
        tuple(record for record in named if not record.residues),
        tuple(bisect_right(kept, cut.before) for cut in cuts),
    )
