"""Large files as a census and people see them: by their segments, and as a whole."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Sequence

from msgspec.structs import replace

from tui_balancer.inputs.scan import FileScan
from tui_balancer.ledger.records import FileRecord
from tui_balancer.scheduler.model import Unit


def index_parts(scans: Sequence[FileScan], records: Sequence[FileRecord]) -> list[FileRecord]:
    """Return a record for each part of a scan's census: files, and the segments of large ones.

    A segment is a bundle alone, for its batches are; its unit is that of its shard or file.

    Args:
        scans: As the census was made with them.
    """
    parts: list[FileRecord] = []
    number = 0
    for scan in scans:
        ends = [shard.stretch.end for shard in scan.shards]
        for segment in scan.segments:
            # Its shards are the records after a file's.
            owner = records[number + bisect_right(ends, segment.begin) + 1 if ends else number]
            parts.append(
                replace(
                    owner,
                    bundle=len(records) + len(parts),
                    shards=0,
                    whole=number,
                    first_byte=segment.begin,
                    end_byte=segment.end,
                    records_before=segment.before,
                )
            )
        if not scan.segments:
            parts.append(records[number])
        number += 1 + len(ends)
    return parts


def with_costs_of(parts: Sequence[FileRecord], records: Sequence[FileRecord]) -> list[FileRecord]:
    """Return records with the costs of what `index_parts` made of them."""
    costed = list(records)
    of_segments: defaultdict[int, float] = defaultdict(float)
    for part in parts:
        if part.bundle < len(records):
            costed[part.file_id] = part
        else:
            # Of a shard, the costs are in its file's, too.
            for number in {part.file_id, part.whole}:
                of_segments[number] += part.cost
    for number, cost in of_segments.items():
        costed[number] = replace(costed[number], cost=cost)
    return costed


def shown(units: Sequence[Unit]) -> tuple[Unit, ...]:
    """Return units as people see them: a divided file with what is in its shards."""
    if not any(unit.shards for unit in units):
        return tuple(units)
    return tuple(
        replace(unit, sequences=unit.joined[0], residues=unit.joined[1], cost=unit.joined[2])
        if unit.shards
        else unit
        for unit in units
    )
