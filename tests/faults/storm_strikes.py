"""What a storm does to a live run: it waits for a moment of the chosen kind, and kills."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor

import psutil

from tests.faults.storm_victim import Moment, Victim
from tui_balancer.scheduler.commands import MoveUnits, PauseAll, ResumeAll
from tui_balancer.scheduler.events import StealEvent
from tui_balancer.scheduler.model import DeviceMetrics

PATIENCE_SECONDS = 180.0
"""How long a moment may not come, on a machine that is busy with other things too."""

LOOKS = 15
"""At a worker while it loads: looking costs as well."""

CLOSE_LOOK_SECONDS = 0.01
"""The same while they compute."""

CLOSEST_LOOK_SECONDS = 0.001
"""An output is not in place for a few milliseconds only."""

CLOSEST_LOOKS = 100
"""So many before the run is asked again."""

IMPORTING = 0.5
"""Share of an app's start that goes into imports."""

SOONER = 0.8
"""By what a worker is struck earlier in its start after another one had loaded untouched."""

LAST_FILES = 6
"""With so few left nobody waits for a moment of the chosen kind: the run could end before."""

Rows = Mapping[str, DeviceMetrics]


class Striker:
    """Kills workers, and the app, of one session.

    Args:
        run: The session.
        rng: Decides.
        starting_cpu_seconds: What an app has computed when its run can be attached to.
        come_in: Whether a chosen moment of adding files is there, see `Latecomers`.

    Attributes:
        worker_kills: By what the worker was at.
        during: Those of them that came in the middle of a steal or a move.
        app_kills: By what the app was at.
    """

    def __init__(
        self,
        run: Victim,
        rng: random.Random,
        starting_cpu_seconds: float,
        come_in: Callable[[float], bool] | None = None,
    ) -> None:
        self._run = run
        self._come_in = come_in
        self._rng = rng
        self._starting_cpu_seconds = starting_cpu_seconds
        self._last_event = 0
        self._share = 0.0
        self.worker_kills: Counter[Moment] = Counter()
        self.during: Counter[str] = Counter()
        self.app_kills: Counter[Moment] = Counter()
        self.worker_aims: dict[str, Callable[[Rows], bool]] = {
            "loading": self._one_that_loads,
            "idle": self._one_that_idles,
            "computing": self._one_that_computes,
            "writing": self._one_that_writes,
            "stealing": self._one_that_steals,
            "moving": self._one_in_a_move,
        }
        self.app_aims: dict[str, Callable[[Rows], Moment | None]] = {
            "starting": self._app_starts,
            "loading": self._app_loads,
            "computing": self._app_computes,
            "writing": self._app_writes,
            "ending": self._app_ends,
            "adding": self._app_adds,
        }

    def strike_worker(self, aim: str) -> None:
        """Kill a worker at such a moment, if it comes before the end of the run."""
        self._share = self._rng.random()
        hold = aim == "idle" or (aim == "loading" and self._rng.random() < 0.5)
        held = False
        deadline = time.monotonic() + PATIENCE_SECONDS
        while self._run.live and time.monotonic() < deadline:
            if rows := self._run.rows():
                if hold and not held:
                    held = self._run.ask(lambda run: run.execute(PauseAll())) is not None
                if self.worker_aims[aim](rows):
                    break
                if not held and _ends_soon(rows) and self._one_that_computes(rows):
                    break
            self._run.pause(self._gap(rows))
        if held:
            self._run.ask(lambda run: run.execute(ResumeAll()))

    def strike_app(self, aim: str) -> bool:
        """Kill the app at such a moment; return whether it came before the end of the run."""
        self._share = self._rng.random()
        deadline = time.monotonic() + PATIENCE_SECONDS
        while self._run.live and time.monotonic() < deadline:
            rows = self._run.rows()
            moment = self.app_aims[aim](rows)
            if moment is None and aim not in ("ending", "adding") and _ends_soon(rows):
                moment = Moment.MID_BATCH
            if moment is not None:
                self.app_kills[moment] += 1
                self._run.kill_app()
                return True
            self._run.pause(self._gap(rows))
        return False

    def _one_that_loads(self, rows: Rows) -> bool:
        workers = self._run.workers()
        loading = [one for one in workers if not self._run.is_ready(one)]
        if not loading:
            # Its successor will load, and is waited for; sooner, lest that escape as well.
            self._share *= SOONER
            self._kill(self._rng.choice(list(workers)) if workers else None)
            return False
        ripe = [one for one in loading if self._run.cpu_seconds(one) >= self._loaded]
        return self._kill(self._rng.choice(ripe) if ripe else None)

    def _one_that_idles(self, rows: Rows) -> bool:
        workers = self._run.workers()
        idle = [one for one in workers if self._run.is_idle(one, rows.get(workers[one]))]
        if not idle and workers and all(row.running is not None for row in rows.values()):
            # The run is held, so its successor will have nothing to do.
            self._kill(self._rng.choice(list(workers)))
        return self._kill(self._rng.choice(idle) if idle else None)

    def _one_that_computes(self, rows: Rows) -> bool:
        devices = _running(rows)
        return bool(devices) and self._kill(self._worker_of(self._rng.choice(devices)))

    def _one_that_writes(self, rows: Rows) -> bool:
        workers = self._run.workers()
        if self._an_output_comes(rows) and self._run.kill_one_that_writes(list(workers)):
            self.worker_kills[Moment.WRITING] += 1
            return True
        return False

    def _one_that_steals(self, rows: Rows) -> bool:
        events = self._run.events_after(self._last_event)
        self._last_event = events[-1].sequence if events else self._last_event
        steals = [event for event in events if isinstance(event, StealEvent)]
        if not steals:
            return False
        device = self._rng.choice((steals[-1].source, steals[-1].target))
        return self._kill(self._worker_of(device), during="stealing")

    def _one_in_a_move(self, rows: Rows) -> bool:
        sources = [name for name, row in rows.items() if row.queued_files]
        if not sources:
            return False
        source = self._rng.choice(sources)
        target = self._rng.choice([name for name in rows if name != source])
        places = self._run.ask(lambda run: run.places(-1))
        waiting = places.queues.get(source, ()) if places is not None else ()
        some = tuple(number for number in waiting if self._rng.random() < 0.5)
        worker = self._worker_of(self._rng.choice((source, target)))
        if not some or worker is None:
            return False
        with ThreadPoolExecutor(1) as person:
            person.submit(self._run.ask, lambda run: run.execute(MoveUnits(some, target)))
            return self._kill(worker, during="moving")

    def _app_starts(self, rows: Rows) -> Moment | None:
        if rows:
            return Moment.LOADING
        # Until it has imported what it needs there is nothing that it could leave half done.
        wanted = self._starting_cpu_seconds * (IMPORTING + (1 - IMPORTING) * self._share)
        return Moment.STARTING if self._run.cpu_seconds() >= wanted else None

    def _app_loads(self, rows: Rows) -> Moment | None:
        if self._app_computes(rows):
            return Moment.MID_BATCH
        workers = self._run.workers() if rows else {}
        busy = max((self._run.cpu_seconds(process) for process in workers), default=0.0)
        return Moment.LOADING if workers and busy >= self._loaded else None

    def _app_computes(self, rows: Rows) -> Moment | None:
        running = [row.running.fraction for row in rows.values() if row.running is not None]
        ripe = any(fraction >= self._share for fraction in running)
        return Moment.MID_BATCH if ripe else None

    def _app_adds(self, rows: Rows) -> Moment | None:
        """Look closely for a while whether the moment of an addition has come."""
        if self._come_in is not None and rows:
            for _ in range(CLOSEST_LOOKS):
                if self._come_in(self._share):
                    return Moment.ADDING
                self._run.pause(CLOSEST_LOOK_SECONDS)
        return None

    def _app_ends(self, rows: Rows) -> Moment | None:
        """Strike when all files are through and the run is not over yet."""
        if not rows or _left(rows):
            return None
        totals = self._run.totals()
        over = totals is not None and 0 < totals.files == totals.done
        return Moment.ENDING if over else None

    @property
    def _loaded(self) -> float:
        """What a worker has computed by now that is to be struck while it loads."""
        return self._share * self._run.loading_cpu_seconds

    def _app_writes(self, rows: Rows) -> Moment | None:
        return Moment.WRITING if self._an_output_comes(rows) else None

    def _an_output_comes(self, rows: Rows) -> bool:
        """Look closely for a while whether an output begins to be written."""
        if not _running(rows):
            return False
        before = self._run.temporaries()
        for _ in range(CLOSEST_LOOKS):
            if self._run.temporaries() - before:
                return True
            self._run.pause(CLOSEST_LOOK_SECONDS)
        return False

    def _gap(self, rows: Rows) -> float:
        """Return how long the run may go unobserved."""
        return CLOSE_LOOK_SECONDS if _running(rows) else self._run.loading_cpu_seconds / LOOKS

    def _worker_of(self, device: str) -> psutil.Process | None:
        """Return a device's worker, if it has got as far as having a log."""
        return next((one for one, its in self._run.workers().items() if its == device), None)

    def _kill(self, worker: psutil.Process | None, during: str = "") -> bool:
        moment = self._run.kill_worker(worker) if worker is not None else None
        if moment is None:
            return False
        self.worker_kills[moment] += 1
        if during:
            self.during[during] += 1
        return True


def _running(rows: Rows) -> list[str]:
    """Return the devices that have a file."""
    return [name for name, row in rows.items() if row.running is not None]


def _ends_soon(rows: Rows) -> bool:
    """Whether work goes on and little of it is left."""
    return bool(_running(rows)) and _left(rows) <= LAST_FILES


def _left(rows: Rows) -> int:
    """Return the files that run or wait for a device."""
    return len(_running(rows)) + sum(row.queued_files for row in rows.values())
