"""Signals to whole process groups: `python -m tests.faults.group_signals --signals 200 --seed 1`.

`timeout`, batch systems, terminals and systemd signal every process of a run at once. Here they do
so at random moments: while the app starts, workers load, compute, write, and while all ends. What
stops a run must stop it in order, and what does not must not disturb it; SIGKILL may do what it
likes. Each run is taken up again until it is done. No file may be blamed for any of it, no batch in
flight lost (but by SIGKILL), every output must be byte-equal to that of an undisturbed run, and
nothing may be left behind.

Prints a line a run and the counts; exit code 1 if anything is not so.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from tests.faults.storm_app import PRELOADED
from tests.faults.storm_findings import made_in, not_done_once, strays
from tests.faults.storm_round import Size, Stage
from tests.support.leases import leases_of
from tests.support.private_user import private_user
from tui_balancer.attach.point import AttachPoint
from tui_balancer.ledger.lock import LOCK_NAME
from tui_balancer.ledger.reading import is_blank, read_ledger
from tui_balancer.ledger.records import FileState, LeaseEnd
from tui_balancer.ledger.schema import LEDGER_NAME
from tui_balancer.process.stop_signals import STOP_SIGNALS
from tui_balancer.run_folder.names import ATTACH_FILE, LOGS_FOLDER

PATIENCE_SECONDS = 180.0
"""How long a moment or an end may not come, on a machine that is busy with other things too."""

TIMEOUT = "timeout"
"""What GNU `timeout` does: SIGTERM to its command, then to the group, and SIGCONT."""

KINDS: tuple[str | signal.Signals, ...] = (
    *sorted(STOP_SIGNALS),
    *(2 * (signal.SIGTERM, TIMEOUT)),
    signal.SIGHUP,
    signal.SIGCONT,
    signal.SIGTSTP,
    signal.SIGKILL,
)

MOMENTS = ("starting", "loading", *(3 * ("computing",)), "writing", "ending")

ON_DASK_EVERY = 5
"""Every so many runs are on the workers of a Dask cluster of this machine."""

_LOOK_SECONDS = 0.005
_EMBEDDED_BEFORE = " of its sequences were embedded before"


@dataclass
class Findings:
    """What was done, and what came of it.

    Attributes:
        sent: Signals by name.
        at: The same by moment.
        done: What was seen to be right, by its name.
        wrong: What must be 0, by its name.
        remarks: What is wrong, in words.
    """

    sent: Counter[str] = field(default_factory=Counter)
    at: Counter[str] = field(default_factory=Counter)
    done: Counter[str] = field(default_factory=Counter)
    wrong: Counter[str] = field(default_factory=Counter)
    remarks: list[str] = field(default_factory=list)

    def blame(self, what: str, found: Collection[object]) -> None:
        """Note what must not be, if there is any."""
        self.wrong[what] += len(found)
        if found:
            self.remarks.append(f"{what}: {', '.join(map(str, found))}")


class Session:
    """One process of a run, the leader of a group of its own."""

    def __init__(self, command: Sequence[str | Path], run: GroupRun) -> None:
        preloaded = {} if run.on_dask else {PRELOADED: "1"}
        with run.log.open("a") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tests.faults.group_app", *map(str, command)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={
                    **os.environ,
                    **preloaded,
                    "TMPDIR": str(run.temporary),
                    "OMP_NUM_THREADS": "1",
                    "MKL_NUM_THREADS": "1",
                },
                # In the same session: SIGTSTP does nothing to a group that nobody could resume.
                preexec_fn=os.setpgrp,
            )

    @property
    def live(self) -> bool:
        """Whether the app is there."""
        return self.process.poll() is None

    def wait_for(self, moment: Callable[[], bool]) -> bool:
        """Wait for a moment; False if the app ends before it comes."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while self.live and time.monotonic() < deadline:
            if moment():
                return True
            self.pause(_LOOK_SECONDS)
        return False

    def pause(self, seconds: float) -> None:
        """Let the run go on for a moment."""
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(seconds)

    def signal(self, kind: str | signal.Signals) -> None:
        """Signal the group, as long as its leader lives and so keeps the number."""
        if kind is TIMEOUT:
            self.process.send_signal(signal.SIGTERM)
            self._signal_group(signal.SIGTERM)
            self._signal_group(signal.SIGCONT)
        else:
            assert isinstance(kind, signal.Signals)
            self._signal_group(kind)

    def _signal_group(self, number: int) -> None:
        if self.live:
            os.killpg(self.process.pid, number)

    def group(self) -> list[psutil.Process]:
        """Return the processes of the group that live."""
        found = []
        for process in psutil.process_iter():
            with suppress(psutil.Error, ProcessLookupError):
                if os.getpgid(process.pid) == self.process.pid and (
                    process.status() != psutil.STATUS_ZOMBIE
                ):
                    found.append(process)
        return found

    def survivors(self) -> list[psutil.Process]:
        """Return the processes of the group that stay for long after the app's end."""
        deadline = time.monotonic() + PATIENCE_SECONDS / 2
        while (left := self.group()) and time.monotonic() < deadline:
            psutil.wait_procs(left, timeout=0.1)
        return left


class GroupRun:
    """A run from its first start to its last file.

    Attributes:
        out: The run folder.
        log: What all its sessions print.
        temporary: Where they put what is temporary.
        on_dask: Whether its workers are those of a cluster of this machine.
    """

    def __init__(
        self, stage: Stage, name: str, rng: random.Random, findings: Findings, *, on_dask: bool
    ) -> None:
        self._stage = stage
        self._rng = rng
        self._findings = findings
        self.folder = stage.folder / name
        self.out = self.folder / "out"
        self.log = self.folder / "app.log"
        self.on_dask = on_dask
        self.folder.mkdir()
        self.temporary = Path(tempfile.mkdtemp(prefix="group-"))
        self._session: Session | None = None
        self._sessions = 0

    def carry_out(self, signals: int) -> int:
        """Disturb the run at most so often, then let it end; return how often it was."""
        sent = 0
        while sent < signals and self._strike():
            sent += 1
        code = self._begun().process.wait(PATIENCE_SECONDS)
        self._findings.blame("bad exits", () if code == 0 else (f"{code}: {self._last_line()}",))
        self._check_end()
        return sent

    def remove(self) -> None:
        """Leave nothing of it."""
        shutil.rmtree(self.folder)
        shutil.rmtree(self.temporary)

    def _begun(self) -> Session:
        """Return the session that is at work; begin the run or resume it if there is none."""
        if self._session is None:
            self._findings.done["sessions"] += 1
            resume = ("resume", self.out, "--headless")
            resumes = not is_blank(self.out / LEDGER_NAME) and self._rng.random() < 0.5
            if self.on_dask:
                where: tuple[str, ...] = ("--engine", "dask", "--local", "2", "--cpu-threads", "1")
            else:
                where = ("--cpu-workers", "2", "--cpu-threads", "1")
            run = (
                *("run", self._stage.proteins, "-o", self.out, "--headless"),
                *(
                    "--model",
                    self._stage.checkpoints[0],
                    "--devices",
                    "cpu",
                    "--batch-tokens",
                    "512",
                ),
            )
            self._session = Session((*(resume if resumes else run), *where), self)
        return self._session

    def _strike(self) -> bool:
        """Signal the group at some moment; False if the run ended before that came."""
        session = self._begun()
        moment, kind = self._rng.choice(MOMENTS), self._rng.choice(KINDS)
        if not session.wait_for(lambda: self._is(moment, session)):
            return False
        session.pause(self._rng.random() * (1.0 if moment in ("starting", "loading") else 0.2))
        if not session.live:
            return False
        session.signal(kind)
        self._findings.at[moment] += 1
        self._findings.sent[kind if isinstance(kind, str) else kind.name] += 1
        if kind is signal.SIGHUP and not session.wait_for(lambda: self._is("loading", session)):
            # Where nothing of the program is loaded yet, Python ends as any program does.
            self._session = None
        elif kind is signal.SIGTSTP:
            session.pause(self._rng.random())
            session.signal(signal.SIGCONT)
        elif kind is signal.SIGKILL or isinstance(kind, str) or kind in STOP_SIGNALS:
            self._check_stop(session, kind)
            self._session = None
        return True

    def _is(self, moment: str, session: Session) -> bool:
        """Whether now is such a moment."""
        if moment == "starting":
            return True
        # A session that was killed has left its file.
        point = AttachPoint.read(self.out)
        attached = point is not None and point.pid == session.process.pid
        if moment == "loading" or not attached:
            return attached
        made = len(list(self.out.rglob("*_ESM.pt")))
        if moment == "ending":
            return made >= len(self._stage.quiet) // 2 - 1
        if moment == "writing":
            return any(self.out.glob("*.tmp"))
        return any(self.out.rglob("*.partial"))

    def _check_stop(self, session: Session, kind: str | signal.Signals) -> None:
        """Hold what a stop has left against what must be."""
        findings = self._findings
        try:
            code: int | None = session.process.wait(PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            code = None
        survivors = session.survivors()
        findings.blame("orphans", survivors)
        for process in survivors:
            process.kill()
        killed = kind is signal.SIGKILL
        # A run may be done just before. Where nothing of the program is loaded yet, or any more,
        # Python ends as any program does.
        fine = code in (130, 0) or killed or (code is not None and code < 0)
        findings.blame("bad exits", () if fine else (f"{code} by {kind}: {self._last_line()}",))
        if is_blank(self.out / LEDGER_NAME):
            return
        with closing(read_ledger(self.out / LEDGER_NAME)) as ledger:
            files, leases, sessions = ledger.files(), leases_of(ledger), ledger.sessions()
        blamed = [row.file.name for row in files if row.deaths or row.state is FileState.FAILED]
        findings.blame("files blamed", blamed)
        # What a killed session has left is still there if the next one did not come to begin.
        if not killed and len(sessions) > self._sessions:
            left = [name for name in (LOCK_NAME, ATTACH_FILE) if (self.out / name).exists()]
            findings.blame("left by a stop", left)
            last = [lease for lease in leases if lease.session == len(sessions)]
            cut = [lease for lease in last if lease.how in (None, LeaseEnd.LOST, LeaseEnd.FAILED)]
            died = [lease for lease in last if lease.how is LeaseEnd.WORKER_DIED]
            findings.blame("batches in flight lost", [*cut, *died])
            findings.blame("ledgers not closed", [one for one in sessions[-1:] if not one.ended_at])
            returned = sum(lease.how is LeaseEnd.RETURNED for lease in last)
            findings.done["leases given back in order"] += returned
        self._sessions = len(sessions)

    def _check_end(self) -> None:
        """Hold what a run that is done has left against what must be."""
        findings, quiet = self._findings, self._stage.quiet
        assert self._session is not None
        findings.blame("orphans", self._session.survivors())
        made = made_in(self.out)
        differing = [name for name in made.keys() | quiet if made.get(name) != quiet.get(name)]
        findings.blame("outputs that differ", differing)
        findings.blame("files not done once", not_done_once(self.out / LEDGER_NAME))
        findings.blame("strays", strays(self.out, quiet))
        logs = "".join(log.read_text() for log in (self.out / LOGS_FOLDER).glob("*.log"))
        before = [line.partition(_EMBEDDED_BEFORE) for line in logs.splitlines()]
        kept = sum(int(head.rpartition(" ")[2]) for head, found, _ in before if found)
        findings.done.update(
            {"runs": 1, "runs on Dask": self.on_dask, "outputs compared": len(made)}
        )
        findings.done["sequences of batches that were kept"] += kept

    def _last_line(self) -> str:
        return self.log.read_text().strip().rpartition("\n")[2]


def group_signals(
    signals: int, seed: int, folder: Path, size: Size, *, on_dask_every: int = ON_DASK_EVERY
) -> Findings:
    """Send so many signals to runs, as many as that takes, and print a line for each run."""
    stage = Stage.build(folder, seed, size)
    total, sent, number = Findings(), 0, 0
    while sent < signals:
        number += 1
        began, known, before = time.monotonic(), len(total.remarks), total.sent.copy()
        on_dask = number % on_dask_every == 0
        rng = random.Random(f"{seed} {number}")
        run = GroupRun(stage, f"run_{number}", rng, total, on_dask=on_dask)
        sent += run.carry_out(signals - sent)
        where = "Dask " if on_dask else "local"
        seconds = time.monotonic() - began
        print(f"run {number:3} {where} {seconds:5.1f} s  {told(total.sent - before)}")
        remarks = total.remarks[known:]
        for remark in remarks:
            print(f"  {remark}")
        if remarks:
            print(f"  left to be looked at: {run.folder}")
        else:
            run.remove()
        sys.stdout.flush()
    return total


def told(counts: Counter[str]) -> str:
    """Return counts in words."""
    return ", ".join(f"{count} {what}" for what, count in sorted(counts.items()))


@private_user()
def main(arguments: Sequence[str] | None = None) -> int:
    """Signal as the command line says, and print the counts."""
    parser = argparse.ArgumentParser(description=__doc__.partition(":")[0] if __doc__ else "")
    parser.add_argument("--signals", type=int, default=200, help="how many are sent")
    parser.add_argument("--seed", type=int, default=1, help="decides which, and when")
    parser.add_argument(
        "--dask-every", type=int, default=ON_DASK_EVERY, help="which runs are on a Dask cluster"
    )
    options = parser.parse_args(arguments)
    began = time.monotonic()
    folder = Path(tempfile.mkdtemp(prefix="group-signals-"))
    size = Size(files=10, sequences=500)
    total = group_signals(
        options.signals, options.seed, folder, size, on_dask_every=options.dask_every
    )
    wrong = total.wrong.total()
    if not wrong:
        shutil.rmtree(folder)
    seconds = time.monotonic() - began
    print(f"{total.sent.total()} signals in {seconds:.0f} s, seed {options.seed}")
    print(f"sent     {told(total.sent)}")
    print(f"moments  {told(total.at)}")
    for counter in (total.done, total.wrong):
        for name, count in counter.items():
            print(f"{name:36} {count:6}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
