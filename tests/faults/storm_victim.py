"""A live run in a process of its own, as a storm sees it: its workers, and what each is at."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from enum import Enum
from pathlib import Path
from typing import TypeVar

import psutil

from tests.faults.storm_app import PRELOADED
from tests.support.commands import survivors
from tui_balancer.attach.client import AttachClient, reach
from tui_balancer.attach.point import AttachPoint
from tui_balancer.errors import UserError
from tui_balancer.run_folder.names import LOGS_FOLDER
from tui_balancer.scheduler.events import Event
from tui_balancer.scheduler.model import DeviceMetrics, DeviceState, Totals

_GONE = (psutil.NoSuchProcess, psutil.ZombieProcess, psutil.AccessDenied)

_Answer = TypeVar("_Answer")


class Moment(str, Enum):
    """What a process was at when it was struck."""

    STARTING = "starting"
    LOADING = "loading"
    IDLE = "idle"
    MID_BATCH = "mid-batch"
    HELD = "held in mid-file"
    WRITING = "between output and report"
    ENDING = "ending"
    ADDING = "adding files"


class Victim:
    """One session of a run.

    Args:
        arguments: Of the command line.
        folder: The run folder.
        temporary: Where its processes put what is temporary.
        log: Takes what it prints.
        preloaded: Whether its workers need not import torch, see `storm_app`.

    Attributes:
        process: The app.
        loading_cpu_seconds: What a worker has computed when its model is about to be there.
        seen: Every process of it that was ever seen.
    """

    def __init__(
        self,
        arguments: Sequence[str | Path],
        folder: Path,
        temporary: Path,
        log: Path,
        *,
        preloaded: bool,
    ) -> None:
        self.folder = folder
        self.loading_cpu_seconds = 0.15 if preloaded else 1.5
        environment = {PRELOADED: "1"} if preloaded else {}
        with log.open("a") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tests.faults.storm_app", *map(str, arguments)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={
                    **os.environ,
                    **environment,
                    "TMPDIR": str(temporary),
                    "OMP_NUM_THREADS": "1",
                    "MKL_NUM_THREADS": "1",
                },
                start_new_session=True,
            )
        self._app = psutil.Process(self.process.pid)
        self.seen = {self._app}
        self._client: AttachClient | None = None
        self._devices: dict[psutil.Process, str] = {}

    @property
    def live(self) -> bool:
        """Whether the app is there."""
        return self.process.poll() is None

    def pause(self, seconds: float) -> None:
        """Let the run go on for a moment."""
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            return

    def ask(self, question: Callable[[AttachClient], _Answer]) -> _Answer | None:
        """Ask the run through its attach socket; None while it has none, or when it is gone."""
        try:
            if self._client is None:
                point = AttachPoint.read(self.folder)
                if point is None or point.pid != self.process.pid:
                    return None
                connection = reach(point, self.folder)
                if connection is None:
                    return None
                self._client = AttachClient(connection, self.folder)
            return question(self._client)
        except (EOFError, OSError, UserError):
            return None

    def rows(self) -> dict[str, DeviceMetrics]:
        """Return the devices; none before the run is there and after it."""
        snapshot = self.ask(lambda run: run.snapshot())
        return {row.device: row for row in snapshot.devices} if snapshot else {}

    def totals(self) -> Totals | None:
        """Return what is done and left of the run."""
        snapshot = self.ask(lambda run: run.snapshot())
        return None if snapshot is None else snapshot.totals

    def events_after(self, sequence: int) -> tuple[Event, ...]:
        """Return what has happened in the run since."""
        return self.ask(lambda run: run.events_after(sequence)) or ()

    def workers(self) -> dict[psutil.Process, str]:
        """Return the workers and their devices, empty for those that have just been started."""
        found: dict[psutil.Process, str] = {}
        try:
            children = self._app.children(recursive=True)
        except _GONE:
            return found
        self.seen.update(children)
        for child in children:
            try:
                if self._is_worker(child):
                    found[child] = self._device(child)
            except _GONE:
                continue
        return found

    def _is_worker(self, process: psutil.Process) -> bool:
        """Whether a process was spawned, or forked by the one that forks."""
        command = "".join(process.cmdline())
        forked = "forkserver" in command and process.ppid() != self._app.pid
        return "spawn_main" in command or forked

    def cpu_seconds(self, process: psutil.Process | None = None) -> float:
        """Return what one of its processes has computed since its start, the app by default."""
        try:
            return float((process or self._app).cpu_times().user)
        except _GONE:
            return 0.0

    def temporaries(self) -> frozenset[Path]:
        """Return the outputs that are not in place, those of dead attempts among them."""
        return frozenset(self.folder.glob("*.tmp"))

    @contextmanager
    def frozen(self, processes: Sequence[psutil.Process]) -> Iterator[tuple[psutil.Process, ...]]:
        """Stop processes in what they are at, and yield those that were alive; then let go."""
        stopped: list[psutil.Process] = []
        for process in processes:
            try:
                process.suspend()
                stopped.append(process)
            except _GONE:
                continue
        try:
            yield tuple(process for process in stopped if _has_stopped(process))
        finally:
            for process in stopped:
                try:
                    process.resume()
                except _GONE:
                    continue

    def kill_worker(self, process: psutil.Process) -> Moment | None:
        """Kill a worker and return what it was at; None when it was gone already."""
        with self.frozen([process]) as stopped:
            if not stopped:
                return None
            moment = self._moment(process)
            process.kill()
        return moment

    def kill_one_that_writes(self, workers: Sequence[psutil.Process]) -> bool:
        """Kill one of these whose output is there and not in place yet, if there is one now."""
        with self.frozen(workers) as them:
            for process in them:
                if self._moment(process) is Moment.WRITING:
                    process.kill()
                    return True
        return False

    def kill_app(self) -> None:
        """Kill the app, nobody else."""
        self.workers()
        self.process.kill()
        self.process.wait()

    def wait_for_the_end(self, seconds: float) -> int | None:
        """Return the app's exit code, None if it did not come; sees its processes meanwhile."""
        deadline = time.monotonic() + seconds
        while self.live and time.monotonic() < deadline:
            self.workers()
            self.pause(0.1)
        return self.process.poll()

    def survivors(self, seconds: float) -> list[psutil.Process]:
        """Return its processes that are still there so long after its end."""
        return survivors(self.seen, seconds)

    def is_idle(self, process: psutil.Process, row: DeviceMetrics | None) -> bool:
        """Whether a worker has loaded its model and has no file."""
        if row is None or row.running is not None or row.state is DeviceState.STARTING:
            return False
        return self.is_ready(process)

    def is_ready(self, process: psutil.Process) -> bool:
        """Whether a worker says that it has loaded its model; a pause hides that in its row."""
        device = self._device(process)
        if not device:
            return False
        log = self.folder / LOGS_FOLDER / f"worker-{device.replace(':', '_')}.log"
        return log.exists() and f" {process.pid} INFO ready on " in log.read_text()

    def _moment(self, process: psutil.Process) -> Moment:
        """Return what a stopped worker is at."""
        row = self.rows().get(self._device(process))
        if row is None or row.running is None:
            return Moment.IDLE if self.is_ready(process) else Moment.LOADING
        file, _, model = row.running.unit.name.rstrip("⟩").partition(" ⟨")
        stem = f"{file.rpartition('.')[0]}_{model or 'ESM'}"
        name = f"{stem}.pt.{row.running.epoch}.tmp"
        if (self.folder / name).exists():
            return Moment.WRITING
        return Moment.HELD if row.state is DeviceState.PAUSED else Moment.MID_BATCH

    def _device(self, process: psutil.Process) -> str:
        """Return whose log a worker writes; empty as long as it has none."""
        if process not in self._devices:
            try:
                logs = [Path(file.path).stem for file in process.open_files()]
            except _GONE:
                return ""
            names = [name.removeprefix("worker-") for name in logs if name.startswith("worker-")]
            if not names:
                return ""
            self._devices[process] = names[0].replace("_", ":")
        return self._devices[process]


def _has_stopped(process: psutil.Process) -> bool:
    """Whether a process that was told to stop has stopped, and not ended."""
    try:
        while (status := process.status()) != psutil.STATUS_STOPPED:
            if status in (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD):
                return False
    except _GONE:
        return False
    return True
