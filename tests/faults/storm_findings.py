"""What a storm finds: how much was struck, and what is not as it must be."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.faults.storm_strikes import Striker
from tests.faults.storm_victim import Moment
from tests.support.leases import LeaseRow, leases_of
from tui_balancer.ledger.reading import is_blank, read_ledger
from tui_balancer.ledger.records import FileRow, FileState, LeaseEnd
from tui_balancer.ledger.schema import LEDGER_NAME
from tui_balancer.outputs.dereplication import PLAN_FOLDER
from tui_balancer.outputs.formats import INDEX
from tui_balancer.run_folder.names import LOGS_FOLDER


@dataclass
class Findings:
    """What was done in a round, or in all of them, and what came of it.

    Attributes:
        worker_kills: By what the worker was at.
        during: Those of them in the middle of a steal or a move.
        app_kills: By what the app was at.
        sessions: Starts of the program.
        done: What was seen to be right or harmless, by its name.
        wrong: What must be 0, by its name.
        remarks: What is wrong, in words.
    """

    worker_kills: Counter[Moment] = field(default_factory=Counter)
    during: Counter[str] = field(default_factory=Counter)
    app_kills: Counter[Moment] = field(default_factory=Counter)
    done: Counter[str] = field(default_factory=Counter)
    wrong: Counter[str] = field(default_factory=Counter)
    remarks: list[str] = field(default_factory=list)

    def blame(self, what: str, found: Collection[object]) -> None:
        """Note what must not be, if there is any."""
        self.wrong[what] += len(found)
        if found:
            self.remarks.append(f"{what}: {', '.join(map(str, found))}")

    def add(self, other: Findings | Striker) -> None:
        """Count another's too."""
        for name, theirs in vars(other).items():
            if isinstance(theirs, Counter):
                vars(self)[name].update(theirs)

    def line(self) -> str:
        """Return the kills and what is wrong, in a line."""
        parts = [
            f"{self.worker_kills.total()} workers ({told(self.worker_kills)})",
            f"of these in a steal or move {self.during.total()} ({told(self.during)})",
            f"app {self.app_kills.total()} ({told(self.app_kills)})",
        ]
        return f"killed {', '.join(parts)}; {told(self.done)}; {told(self.wrong)}"


def made_in(out: Path) -> dict[str, bytes]:
    """Return the outputs in a run folder, and their indices."""
    own = {LOGS_FOLDER, PLAN_FOLDER}
    return {
        path.name: path.read_bytes()
        for path in out.rglob("*")
        if path.suffix in (".pt", INDEX.suffix) and own.isdisjoint(path.relative_to(out).parts)
    }


def strays(out: Path, expected: Collection[str]) -> list[Path]:
    """Return what lies in a run folder and does not belong there."""
    belongs = {*expected, LEDGER_NAME}
    own = {LOGS_FOLDER, PLAN_FOLDER}
    return [
        path
        for path in out.rglob("*")
        if path.name not in belongs
        and (path.suffix == ".tmp" or own.isdisjoint(path.relative_to(out).parts))
    ]


def not_done_once(ledger: Path) -> list[str]:
    """Return the files that the ledger does not say to be done, by exactly one lease, its last."""
    with closing(read_ledger(ledger)) as reader:
        files, leases = reader.files(), leases_of(reader)
    of_units = defaultdict[int, list[LeaseRow]](list)
    for lease in leases:
        of_units[lease.unit].append(lease)
    return [row.file.name for row in files if not _done_once(row, of_units[row.file.unit])]


def _done_once(row: FileRow, leases: Sequence[LeaseRow]) -> bool:
    """Whether a file, whose unit had these leases, was finished once and then left alone."""
    done = [lease for lease in leases if lease.how is LeaseEnd.DONE]
    if row.state is not FileState.DONE or len(done) != 1:
        return False
    end = (done[0].session, done[0].ended_seconds)
    later = [lease for lease in leases if (lease.session, lease.granted_seconds) > end]
    return not later and row.attempts == max(lease.epoch for lease in leases)


def by_hand(out: Path) -> list[str]:
    """Return the files of a run that a person skipped."""
    return [row.file.name for row in _rows(out) if row.by_hand and row.state is FileState.FAILED]


def not_in_the_run(out: Path, files: Collection[str]) -> list[str]:
    """Return those of these files that a run does not have, although it accepted them."""
    return sorted({*files} - {Path(row.file.source).name for row in _rows(out)})


def _rows(out: Path) -> tuple[FileRow, ...]:
    if is_blank(out / LEDGER_NAME):
        return ()
    with closing(read_ledger(out / LEDGER_NAME)) as reader:
        return reader.files()


def happened(ledger: Path) -> Counter[str]:
    """Return how often a run was taken up, and how many files were stolen, moved and divided."""
    with closing(read_ledger(ledger)) as reader:
        sessions = range(1, len(reader.sessions()) + 1)
        kinds = Counter(event.kind for number in sessions for event in reader.events(number))
    return Counter(
        resumes=len(sessions) - 1, steals=kinds["steal"], moves=kinds["move"], parts=kinds["part"]
    )


def told(counts: Counter[Any]) -> str:
    """Return counts in words."""
    return ", ".join(
        f"{count} {getattr(what, 'value', what)}".replace("_", " ")
        for what, count in sorted(counts.items())
    )
