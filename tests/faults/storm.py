"""Kills without number: `python -m tests.faults.storm --rounds 30 --seed 1`.

Every round is one run over uneven files with a tiny model, on three CPU workers that steal from
each other all the time. Workers are killed while they load, wait, compute, are held, or are
between their output and their report, and in the middle of steals and moves; the whole app is
killed too, and the run taken up again, until it is done. The seed decides who is killed, and
when. Then every output must be byte-equal to that of an undisturbed run on one worker, every
file must have been finished exactly once, and no process and no other file may be left.

Prints a line a round and the counts; exit code 1 if anything is not so.
"""

from __future__ import annotations

import argparse
import random
import re
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Collection, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.faults.storm_strikes import PATIENCE_SECONDS, Striker
from tests.faults.storm_victim import Moment, Victim
from tests.support.checkpoints import make_checkpoint
from tests.support.sessions import outputs
from tui_balancer.inputs.synthetic import write_synthetic
from tui_balancer.ledger.reading import is_blank, read_ledger
from tui_balancer.ledger.records import FileRow, FileState, LeaseEnd
from tui_balancer.ledger.schema import LEDGER_NAME
from tui_balancer.run.folder import LOGS_FOLDER

WORKER_AIMS = ("loading", "idle", *(2 * ("computing", "writing")), "stealing", "moving")
APP_AIMS = ("starting", "loading", "computing", "writing")
SPAWNED_EVERY = 13
"""Every so many rounds workers are spawned as ever; in the others they are forked from a process
that has imported torch, which takes a worker far longer than all that the storm is about."""

EVERYTHING = ("--cpu-threads", "1", "--batch-tokens", "512", "--headless")
WAYS = (
    ("--threshold", "0", "--weights", "8,1,1"),
    ("--threshold", "0", "--weights", "1,1,8"),
    ("--policy", "count", "--steal-interval", "0.2", "--weights", "1,8,1"),
)
"""Settings that change who does what, and no byte: a worker believed to be eight times as fast
is given so many files that the others steal."""


_NOT_OURS = re.compile("torchinductor_")
"""A cache that torch makes, one for a user, and keeps."""

_FORKING = re.compile("torchinductor_|pymp-")
"""The same, and what belongs to the process that forks preloaded workers."""


@dataclass(frozen=True)
class Size:
    """What a round takes.

    Attributes:
        files: Inputs.
        sequences: In all of them.
        worker_strikes: Kills of workers that are tried.
        app_strikes: The same of the app.
    """

    files: int = 24
    sequences: int = 600
    worker_strikes: int = 8
    app_strikes: int = 2


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
        told = [
            f"{self.worker_kills.total()} workers ({_told(self.worker_kills)})",
            f"of these in a steal or move {self.during.total()} ({_told(self.during)})",
            f"app {self.app_kills.total()} ({_told(self.app_kills)})",
        ]
        return f"killed {', '.join(told)}; {_told(self.done)}; {_told(self.wrong)}"


@dataclass(frozen=True)
class Stage:
    """What all rounds share.

    Attributes:
        folder: Everything lies here.
        size: Of every round.
        quiet: The outputs of an undisturbed run.
    """

    folder: Path
    size: Size
    quiet: dict[str, bytes]

    @property
    def proteins(self) -> Path:
        """The inputs."""
        return self.folder / "proteins"

    @property
    def checkpoint(self) -> Path:
        """The model."""
        return self.folder / "esm2_storm.pt"

    @classmethod
    def build(cls, folder: Path, seed: int, size: Size) -> Stage:
        """Write inputs and model, and let one worker go through them in peace."""
        stage = cls(folder, size, {})
        write_synthetic(stage.proteins, files=size.files, sequences=size.sequences, seed=seed)
        make_checkpoint(stage.checkpoint, width=64)
        quiet = Round(stage, "quiet", random.Random(seed), preloaded=False)
        code = quiet.start(*quiet.command(1)).wait_for_the_end(PATIENCE_SECONDS)
        assert code == 0, quiet.log.read_text()
        stage.quiet.update(outputs(quiet.out))
        assert len(stage.quiet) == size.files
        return stage


class Round:
    """One run, from its first start to its last file.

    Attributes:
        findings: What was done and came of it.
        folder: Its own.
        out: The run folder.
        log: What all its sessions print.
    """

    def __init__(self, stage: Stage, name: str, rng: random.Random, *, preloaded: bool) -> None:
        self._preloaded = preloaded
        self.findings = Findings()
        self.folder = stage.folder / name
        self.out = self.folder / "out"
        self.log = self.folder / "app.log"
        self._temporary = self.folder / "tmp"
        self._temporary.mkdir(parents=True)
        self._stage = stage
        self._rng = rng
        self._sessions: list[Victim] = []

    def command(self, workers: int) -> tuple[str | Path, ...]:
        """Return a command line that begins the run or goes on with it."""
        stage = self._stage
        return (
            *("run", stage.proteins, "-o", self.out, "--model", stage.checkpoint),
            *("--devices", "cpu", "--cpu-workers", str(workers), *EVERYTHING),
        )

    def start(self, *arguments: str | Path) -> Victim:
        """Start a session."""
        self._sessions.append(
            Victim(arguments, self.out, self._temporary, self.log, preloaded=self._preloaded)
        )
        return self._sessions[-1]

    def carry_out(self) -> None:
        """Start, kill, start again; in the end, look at what is there."""
        size = self._stage.size
        aims = [(False, self._rng.choice(WORKER_AIMS)) for _ in range(size.worker_strikes)]
        for _ in range(size.app_strikes):
            place = self._rng.randrange(len(aims) + 1)
            aims.insert(place, (True, self._rng.choice(APP_AIMS)))
        run = self._take_up()
        striker = Striker(run, self._rng)
        for whole_app, aim in aims:
            if not whole_app:
                striker.strike_worker(aim)
            elif striker.strike_app(aim):
                run = self._take_up()
                self.findings.add(striker)
                striker = Striker(run, self._rng)
        self.findings.add(striker)
        code = run.wait_for_the_end(PATIENCE_SECONDS)
        if code is None:
            run.kill_app()
        self.findings.blame("bad exits", () if code == 0 else (f"exit code {code}",))
        self.check()

    def check(self) -> None:
        """Hold what is there against what must be."""
        findings, quiet = self.findings, self._stage.quiet
        survivors = [one for run in self._sessions for one in run.survivors(PATIENCE_SECONDS / 10)]
        findings.blame("orphans", survivors)
        for process in survivors:
            process.kill()
        made = outputs(self.out)
        differing = [name for name in made.keys() | quiet if made.get(name) != quiet.get(name)]
        findings.blame("mismatches", differing)
        findings.blame("files not done once", not_done_once(self.out / LEDGER_NAME))
        others = _FORKING if self._preloaded else _NOT_OURS
        temporary = [path for path in self._temporary.iterdir() if not others.match(path.name)]
        findings.blame("strays", [*strays(self.out, quiet), *temporary])
        findings.done.update(
            sessions=len(self._sessions), files=len(quiet), outputs_compared=len(made)
        )
        findings.done.update(
            {f"{kind}s": count for kind, count in happened(self.out / LEDGER_NAME).items()}
        )

    def _take_up(self) -> Victim:
        """Begin the run, or go on with it by one of the ways to do so."""
        if not is_blank(self.out / LEDGER_NAME) and self._rng.random() < 0.5:
            return self.start("resume", self.out, "--headless")
        return self.start(*self.command(3), *self._rng.choice(WAYS))


def strays(out: Path, expected: Collection[str]) -> list[Path]:
    """Return what lies in a run folder and does not belong there."""
    belongs = {*expected, LEDGER_NAME}
    return [
        path
        for path in out.rglob("*")
        if path.name not in belongs and LOGS_FOLDER not in path.relative_to(out).parts
    ]


def not_done_once(ledger: Path) -> list[str]:
    """Return the files that the ledger does not say to be done, by exactly one lease, its last."""
    with closing(read_ledger(ledger)) as reader:
        files, leases = reader.files(), reader.leases()
    ends: dict[int, list[LeaseEnd | None]] = {row.file.unit: [] for row in files}
    for lease in sorted(leases, key=lambda lease: lease.epoch):
        ends[lease.unit].append(lease.how)
    return [row.file.name for row in files if not _done_once(row, ends[row.file.unit])]


def _done_once(row: FileRow, ends: Sequence[LeaseEnd | None]) -> bool:
    """Whether a file, whose leases ended like that, was finished once and then left alone."""
    return (
        row.state is FileState.DONE
        and len(ends) == row.attempts
        and ends.count(LeaseEnd.DONE) == 1
        and ends[-1] is LeaseEnd.DONE
    )


def happened(ledger: Path) -> Counter[str]:
    """Return how many files were stolen and moved, in all sessions."""
    with closing(read_ledger(ledger)) as reader:
        sessions = range(1, len(reader.sessions()) + 1)
        kinds = Counter(event.kind for number in sessions for event in reader.events(number))
    return Counter({kind: kinds[kind] for kind in ("steal", "move")})


def storm(rounds: int, seed: int, folder: Path, size: Size) -> Findings:
    """Go through so many rounds and print a line for each."""
    stage = Stage.build(folder, seed, size)
    total = Findings()
    for number in range(1, rounds + 1):
        began = time.monotonic()
        preloaded = number % SPAWNED_EVERY != 0
        rng = random.Random(f"{seed} {number}")
        one = Round(stage, f"round_{number}", rng, preloaded=preloaded)
        one.carry_out()
        total.add(one.findings)
        how = "preloaded" if preloaded else "spawned"
        print(f"round {number:3} {time.monotonic() - began:5.1f} s  {how}: {one.findings.line()}")
        for remark in one.findings.remarks:
            print(f"  {remark}")
        if one.findings.wrong.total():
            print(f"  left to be looked at: {one.folder}", flush=True)
        else:
            shutil.rmtree(one.folder)
        sys.stdout.flush()
    return total


def main(arguments: Sequence[str] | None = None) -> int:
    """Storm as the command line says, and print the counts."""
    parser = argparse.ArgumentParser(description=__doc__.partition(":")[0] if __doc__ else "")
    parser.add_argument("--rounds", type=int, default=30, help="runs that are stormed")
    parser.add_argument("--seed", type=int, default=1, help="decides who is killed, and when")
    options = parser.parse_args(arguments)
    began = time.monotonic()
    folder = Path(tempfile.mkdtemp(prefix="storm-"))
    total = storm(options.rounds, options.seed, folder, Size())
    if not total.wrong.total():
        shutil.rmtree(folder)
    print(f"{options.rounds} rounds in {time.monotonic() - began:.0f} s, seed {options.seed}")
    print(f"worker kills      {total.worker_kills.total():5}  {_told(total.worker_kills)}")
    print(f"  in steal, move  {total.during.total():5}  {_told(total.during)}")
    print(f"app kills         {total.app_kills.total():5}  {_told(total.app_kills)}")
    for counter in (total.done, total.wrong):
        for name, count in counter.items():
            print(f"{name.replace('_', ' '):17} {count:5}")
    return 1 if total.wrong.total() else 0


def _told(counts: Counter[Any]) -> str:
    """Return counts in words."""
    return ", ".join(
        f"{count} {getattr(what, 'value', what)}".replace("_", " ")
        for what, count in sorted(counts.items())
    )


if __name__ == "__main__":
    sys.exit(main())
