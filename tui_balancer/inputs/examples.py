"""Where in a file the records are that a warning names: their ids and lines.

A second pass over the headers, and only over the first files in which something was found: the
scan itself need not count lines.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence

from tui_balancer.inputs.counts import Counts
from tui_balancer.inputs.finding.discovery import InputFile
from tui_balancer.inputs.findings import Findings, Spot
from tui_balancer.inputs.ids import id_of
from tui_balancer.inputs.locating import InputError, headers
from tui_balancer.inputs.text import terminal_safe
from tui_balancer.notices import EXAMPLES, Example, NoticeKind, Notices

_LONGEST_ID = 60


def report(file: InputFile, counts: Counts, findings: Findings, notices: Notices) -> None:
    """Add what was found in a file to what was found in others.

    Args:
        file: The file, which can be used.
        findings: What is odd about its records.
        notices: Where it is added.
    """
    if not (findings.counts or counts.duplicates):
        return
    numbers = dict(findings.counts)
    if counts.duplicates:
        numbers[NoticeKind.REPEATED_ID] = counts.duplicates
    spots = {kind: findings.first(kind) for kind in numbers if notices.wants(kind)}
    examples = _located(file, spots) if spots else {}
    for kind, number in numbers.items():
        notices.add(kind, number, examples.get(kind, ()))


def _located(
    file: InputFile, spots: Mapping[NoticeKind, Sequence[Spot]]
) -> Mapping[NoticeKind, list[Example]]:
    """Return the first records of each kind with their ids and lines."""
    examples: defaultdict[NoticeKind, list[Example]] = defaultdict(list)
    kinds: defaultdict[int, list[tuple[NoticeKind, str]]] = defaultdict(list)
    for kind, places in spots.items():
        for one in places:
            if one.line is not None:
                examples[kind].append(Example(file.name, one.line, detail=one.detail))
            else:
                kinds[one.position].append((kind, one.detail))
    repeats = NoticeKind.REPEATED_ID in spots
    try:
        for position, line, record, repeated in _records(file, kinds, repeats):
            here = kinds.get(position, [])
            if repeated:
                here = [*here, (NoticeKind.REPEATED_ID, "")]
            shown = terminal_safe(record, _LONGEST_ID)
            for kind, detail in here:
                examples[kind].append(Example(file.name, line, shown, detail))
    except (InputError, OSError):
        # It was there a moment ago; the worker will say what became of it.
        pass
    return examples


def _records(
    file: InputFile, positions: Collection[int], repeats: bool
) -> Iterator[tuple[int, int, str, bool]]:
    """Yield position, line, id of records, and whether the id is repeated, as far as needed."""
    last, missing = max(positions, default=0), EXAMPLES if repeats else 0
    seen: set[str] = set()
    for position, (line, title, full) in enumerate(headers(file.path), start=1):
        record, repeated = id_of(title, position), False
        if missing and full:
            repeated = record in seen
            seen.add(record)
            missing -= repeated
        if repeated or position in positions:
            yield position, line, record, repeated
        if position >= last and not missing:
            return
