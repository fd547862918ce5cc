"""A round of a storm: one run that is killed, and steered, until it is done."""

from __future__ import annotations

import random
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from tests.faults.storm_findings import (
    Findings,
    by_hand,
    happened,
    made_in,
    not_done_once,
    not_in_the_run,
    strays,
)
from tests.faults.storm_latecomers import Latecomers
from tests.faults.storm_person import Person
from tests.faults.storm_strikes import PATIENCE_SECONDS, Striker
from tests.faults.storm_victim import Victim
from tests.support.checkpoints import make_checkpoint
from tui_balancer.inputs.synthetic import write_synthetic
from tui_balancer.ledger.reading import is_blank
from tui_balancer.ledger.schema import LEDGER_NAME

WORKER_AIMS = ("loading", "idle", *(2 * ("computing", "writing")), "stealing", "moving")
APP_AIMS = ("loading", "computing", "writing")
ADDING = 0.5
"""How often the app is killed while files are added, in a run that is steered."""
LATE = 3
"""One of so many files is added to a run that is steered."""
LARGE_BYTES = 2048
"""A file of so many bytes holds more than a batch: it shares none with those that came with it."""
AGAIN_STARTING = 0.5
"""How often an app that goes on with a run is killed again before it is as far as to work."""
GIANT = 3
"""Times the largest file is in itself: it outlasts the others, and so is divided among devices."""

ENDING = 0.3
"""How often the last app is killed when all is done but its own end."""
EVERYTHING = ("--cpu-threads", "1", "--batch-tokens", "512", "--headless")
WAYS = (
    ("--threshold", "0", "--weights", "8,1,1"),
    ("--threshold", "0", "--weights", "1,1,8"),
    ("--policy", "count", "--steal-interval", "0.2", "--weights", "1,8,1"),
)
"""Settings that change who does what, and no byte: a worker believed to be eight times as fast
is given so many files that the others steal."""

_FORKING = "pymp-"
"""Belongs to the process that forks preloaded workers, and stays if that is killed."""


@dataclass(frozen=True)
class Size:
    """What a round takes.

    Attributes:
        files: Inputs.
        sequences: In all of them.
        worker_strikes: Kills of workers that are tried.
        app_strikes: The same of the app.
        models: With so many every file is embedded, so that workers also change their model.
        steered: Whether a person steers it.
    """

    files: int = 24
    sequences: int = 600
    worker_strikes: int = 8
    app_strikes: int = 2
    models: int = 1
    steered: bool = False


@dataclass(frozen=True)
class Stage:
    """What all rounds share.

    Attributes:
        folder: Everything lies here.
        size: Of every round.
        quiet: The outputs of an undisturbed run.
        starting_cpu_seconds: What its app had computed when it could be attached to.
    """

    folder: Path
    size: Size
    quiet: dict[str, bytes]
    starting_cpu_seconds: float = 1.0

    @property
    def proteins(self) -> Path:
        """The inputs."""
        return self.folder / "proteins"

    @property
    def checkpoints(self) -> list[Path]:
        """The models."""
        return [self.folder / f"storm{number}.pt" for number in range(self.size.models)]

    @classmethod
    def build(cls, folder: Path, seed: int, size: Size) -> Stage:
        """Write inputs and model, and let one worker go through them in peace."""
        stage = cls(folder, size, {})
        write_synthetic(stage.proteins, files=size.files, sequences=size.sequences, seed=seed)
        giant = max(stage.proteins.iterdir(), key=lambda file: file.stat().st_size)
        giant.write_text(GIANT * giant.read_text())
        for number, checkpoint in enumerate(stage.checkpoints):
            make_checkpoint(checkpoint, width=64, seed=number)
        quiet = Round(stage, "quiet", random.Random(seed), preloaded=False)
        run = quiet.start(*quiet.command(1))
        while run.live and not run.rows():
            run.pause(0.01)
        starting = run.cpu_seconds()
        code = run.wait_for_the_end(PATIENCE_SECONDS)
        assert code == 0, quiet.log.read_text()
        stage.quiet.update(made_in(quiet.out))
        made = 2 * size.files * size.models
        assert len(stage.quiet) == made, "an output and its index for each file and model"
        quiet.check()
        assert not quiet.findings.remarks, quiet.findings.remarks
        quiet.remove()
        return replace(stage, starting_cpu_seconds=starting)


class Round:
    """One run, from its first start to its last file.

    Attributes:
        findings: What was done and came of it.
        folder: Its own.
        inputs: What the program is given: files or a folder.
        out: The run folder.
        log: What all its sessions print.
        temporary: Where their processes put what is temporary.
    """

    def __init__(self, stage: Stage, name: str, rng: random.Random, *, preloaded: bool) -> None:
        self._preloaded = preloaded
        self.findings = Findings()
        self.folder = stage.folder / name
        self.out = self.folder / "out"
        self.log = self.folder / "app.log"
        self.folder.mkdir(parents=True)
        # Sockets lie in it, whose paths must be short.
        self.temporary = Path(tempfile.mkdtemp(prefix="storm-"))
        self._stage = stage
        self._rng = rng
        self._sessions: list[Victim] = []
        self._latecomers: Latecomers | None = None
        self.inputs = [stage.proteins]

    def command(self, workers: int) -> tuple[str | Path, ...]:
        """Return a command line that begins the run or goes on with it."""
        stage = self._stage
        models: list[str | Path] = []
        for one in stage.checkpoints:
            models += ["--model", one]
        return (
            *("run", *self.inputs, "-o", self.out, *models),
            *("--devices", "cpu", "--cpu-workers", str(workers), *EVERYTHING),
        )

    def start(self, *arguments: str | Path) -> Victim:
        """Start a session."""
        self._sessions.append(
            Victim(arguments, self.out, self.temporary, self.log, preloaded=self._preloaded)
        )
        return self._sessions[-1]

    def carry_out(self) -> None:
        """Start, kill, start again; in the end, look at what is there."""
        if not self._stage.size.steered:
            self._go_through(lambda: None)
        else:
            self._go_through_steered()
        self.check()

    def _go_through_steered(self) -> None:
        """Let a person steer the run and add files; what that leaves undone is done afterwards."""
        proteins = sorted(self._stage.proteins.iterdir())
        large = [path for path in proteins if path.stat().st_size >= LARGE_BYTES]
        late = self._rng.sample(large, min(len(large), len(proteins) // LATE))
        folder = self.folder / "proteins"
        folder.mkdir()
        # Either the run is given files, and the others are there; or the folder, and they come.
        named = self._rng.random() < 0.5
        for path in proteins:
            if named or path not in late:
                shutil.copy(path, folder)
        self.inputs = [folder]
        if named:
            self.inputs = [folder / path.name for path in proteins if path not in late]
        with (
            Person(self.out, random.Random(self._rng.random())) as person,
            Latecomers(self.out, folder, late, random.Random(self._rng.random())) as latecomers,
        ):
            self._latecomers = latecomers

            def calm_down() -> None:
                person.calm_down()
                latecomers.calm_down()

            self._go_through(calm_down)
        self.findings.done.update(person.accepted)
        self.findings.done["refused"] += person.refused.total()
        self.findings.done.update(latecomers.answers)
        self.findings.blame("adds lost", not_in_the_run(self.out, latecomers.accepted))
        skipped = by_hand(self.out)
        if latecomers.left or skipped:
            self.findings.done["adds too late"] += len(latecomers.left)
            for path in late:
                shutil.copy(path, folder)
            self.inputs = [folder]
            self._run = self.start(*self.command(3), "--rescan", "--retry-failed")
            self._await_the_end()

    def _go_through(self, calm_down: Callable[[], None]) -> None:
        """Strike so often as the size says, and wait for the end."""
        size, rng = self._stage.size, self._rng
        aims = [rng.choice(WORKER_AIMS) for _ in range(size.worker_strikes)]
        for _ in range(size.app_strikes):
            aims.insert(rng.randrange(len(aims) + 1), "app")
        self._begin()
        for aim in aims:
            if aim != "app":
                self._striker.strike_worker(aim)
            elif self._strike_app(self._app_aim()) and rng.random() < AGAIN_STARTING:
                self._strike_app("starting")
        if rng.random() < ENDING:
            self._strike_app("ending")
        self.findings.add(self._striker)
        calm_down()
        self._await_the_end()

    def _app_aim(self) -> str:
        latecomers = self._latecomers
        adding = latecomers is not None and latecomers.left and self._rng.random() < ADDING
        return "adding" if adding else self._rng.choice(APP_AIMS)

    def _await_the_end(self) -> None:
        """Wait for the end of the session; files that were skipped make its exit code another."""
        code = self._run.wait_for_the_end(PATIENCE_SECONDS)
        if code is None:
            self._run.kill_app()
        last = self.log.read_text().strip().rpartition("\n")[2]
        good = code == 0 or (code == 1 and by_hand(self.out))
        self.findings.blame("bad exits", () if good else (f"exit code {code}: {last}",))

    def remove(self) -> None:
        """Leave nothing of it."""
        shutil.rmtree(self.folder)
        shutil.rmtree(self.temporary)

    def _begin(self) -> None:
        """Begin the run, or go on with it by one of the ways to do so."""
        again = not is_blank(self.out / LEDGER_NAME)
        retrying = ("--retry-failed",) if again and self._rng.random() < 0.5 else ()
        if again and self._rng.random() < 0.5:
            self._run = self.start("resume", self.out, "--headless", *retrying)
        else:
            self._run = self.start(*self.command(3), *self._rng.choice(WAYS), *retrying)
        come_in = self._latecomers.come_in if self._latecomers is not None else None
        self._striker = Striker(self._run, self._rng, self._stage.starting_cpu_seconds, come_in)

    def _strike_app(self, aim: str) -> bool:
        """Kill the app at such a moment and go on with the run, if it is not over before."""
        struck = self._striker.strike_app(aim)
        if struck:
            self.findings.add(self._striker)
            self._begin()
        return struck

    def check(self) -> None:
        """Hold what is there against what must be."""
        findings, quiet = self.findings, self._stage.quiet
        survivors = [one for run in self._sessions for one in run.survivors(PATIENCE_SECONDS)]
        findings.blame("orphans", survivors)
        for process in survivors:
            process.kill()
        made = made_in(self.out)
        differing = [name for name in made.keys() | quiet if made.get(name) != quiet.get(name)]
        findings.blame("mismatches", differing)
        if not is_blank(self.out / LEDGER_NAME):
            findings.blame("files not done once", not_done_once(self.out / LEDGER_NAME))
            findings.done.update(happened(self.out / LEDGER_NAME))
        temporary = [
            path
            for path in self.temporary.iterdir()
            if not (self._preloaded and path.name.startswith(_FORKING))
        ]
        findings.blame("strays", [*strays(self.out, quiet), *temporary])
        findings.done.update(
            sessions=len(self._sessions),
            files=self._stage.size.files * self._stage.size.models,
            outputs_compared=len(made),
        )
