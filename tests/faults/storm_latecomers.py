"""Files that a person adds to a run in the middle of a storm, by the program's own command."""

from __future__ import annotations

import random
import shutil
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from types import TracebackType

from tests.support.commands import COMMAND_SECONDS
from tui_balancer.attach.point import AttachPoint
from tui_balancer.errors import UserError
from tui_balancer.ledger.errors import LedgerError
from tui_balancer.ledger.reading import read_ledger
from tui_balancer.ledger.schema import LEDGER_NAME

LONGEST_PAUSE_SECONDS = 4.0
"""The longest time between two commands."""

MOST_AT_ONCE = 3
"""Files of one command; some commands name the whole folder."""

LONGEST_SCAN_SECONDS = 0.1
"""Files are scanned and added within this time, about."""

WHOLE_FOLDER = 0.15
"""How often a command names the folder of the inputs, with what is in the run already."""


class Latecomers:
    """Adds files from a thread, to whichever session of a run is live, until all are in the run.

    What the run refuses, or does not answer because it dies, is added again.

    Args:
        folder: The run folder.
        inputs: The folder of the inputs.
        files: The files, which may lie elsewhere: each is copied there before it is added.
        rng: Decides.

    Attributes:
        accepted: The names of files that the run has accepted, or says to have.
        left: The names of the others.
        answers: How many commands were accepted, refused, and not answered.
    """

    def __init__(
        self, folder: Path, inputs: Path, files: Sequence[Path], rng: random.Random
    ) -> None:
        self.accepted: list[str] = []
        self.answers: Counter[str] = Counter()
        self._folder = folder
        self._inputs = inputs
        self._files = {path.name: path for path in files}
        self._rng = rng
        self._calm = False
        self._over = False
        self._wanted = threading.Event()
        self._began: float | None = None
        self._seconds = 1.0
        self._thread = threading.Thread(target=self._work, name="latecomers", daemon=True)

    @property
    def left(self) -> list[str]:
        """See the class."""
        return sorted(self._files.keys() - set(self.accepted))

    def __enter__(self) -> Latecomers:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._over = True
        self._wanted.set()
        self._thread.join()

    def calm_down(self) -> None:
        """From now on make no pauses."""
        self._calm = True
        self._wanted.set()

    def come_in(self, share: float) -> bool:
        """Whether the chosen moment of a command is there; asking ends the pause before it.

        Args:
            share: Below a half: when the run has accepted it, or a little later. Else some time
                after the command was started.
        """
        began = self._began
        if began is None:
            self._wanted.set()
            return False
        if share < 0.5:
            if not self._is_accepted():
                return False
            # Before the answer, or between it and the files.
            time.sleep(share * LONGEST_SCAN_SECONDS)
            return True
        return time.monotonic() - began >= (2 * share - 1) * self._seconds

    def _is_accepted(self) -> bool:
        try:
            with closing(read_ledger(self._folder / LEDGER_NAME)) as ledger:
                return bool(ledger.additions())
        except (UserError, LedgerError):
            return False

    def _work(self) -> None:
        while self.left and not self._over:
            if AttachPoint.read(self._folder) is not None:
                self._add(self._some())
            self._wanted.clear()
            self._wanted.wait(0.1 if self._calm else self._rng.uniform(0.1, LONGEST_PAUSE_SECONDS))

    def _some(self) -> list[str]:
        """Copy some of the files into the folder, and return what the command names."""
        left = self.left
        names = self._rng.sample(left, min(len(left), self._rng.randint(1, MOST_AT_ONCE)))
        for name in names:
            # By renaming: no scan of a resumed run reads half of one.
            if not (self._inputs / name).exists():
                part = shutil.copy(self._files[name], self._inputs / f".{name}")
                Path(part).rename(self._inputs / name)
        return names

    def _add(self, names: Sequence[str]) -> None:
        whole = self._rng.random() < WHOLE_FOLDER
        if whole:
            names = [name for name in self.left if (self._inputs / name).exists()]
        inputs = [self._inputs] if whole else [self._inputs / name for name in names]
        words = [sys.executable, "-m", "tui_balancer", "control", self._folder, "add", *inputs]
        self._began = time.monotonic()
        ended = subprocess.run(
            [*map(str, words)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=COMMAND_SECONDS,
        )
        self._seconds = time.monotonic() - self._began
        self._began = None
        known = ended.returncode == 1 and "nothing to add" in ended.stdout
        if ended.returncode == 0 or known:
            self.accepted += names
        kind = {0: "adds", 1: "refused adds"}.get(ended.returncode, "unanswered adds")
        self.answers["adds again" if known else kind] += 1
