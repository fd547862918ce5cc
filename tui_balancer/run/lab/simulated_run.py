"""A simulated run for the screen, in virtual time that passes faster than real time."""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from math import inf
from pathlib import Path

from tui_balancer.scheduler.commands import AddFiles, Command, Outcome
from tui_balancer.scheduler.events import Event
from tui_balancer.scheduler.model import DeviceMetrics, Unit
from tui_balancer.scheduler.read_api import Places
from tui_balancer.scheduler.simulation.devices import Rules, SimulatedDevice
from tui_balancer.scheduler.simulation.run import SimulatedRun
from tui_balancer.view.handle import DeviceSummary, Phase, RunSnapshot, RunSummary, ScanProgress
from tui_balancer.view.run_state import RunState
from tui_balancer.view.run_stats import RunStats

LABEL = "simulated"
TICK_SECONDS = 0.05
"""Real seconds between two steps of virtual time."""


class SimulatedHandle:
    """Implements `RunHandle` over a simulation that a thread advances.

    Args:
        units: The files, numbered from 0.
        speed: Virtual seconds per real second.
    """

    def __init__(
        self,
        devices: Sequence[SimulatedDevice],
        units: Sequence[Unit],
        rules: Rules,
        speed: float,
    ) -> None:
        self._units = tuple(units)
        self._rules = rules
        self._speed = speed
        self._clock: Callable[[], float] = time.monotonic
        self._started_at = time.time()
        self._began = self._clock()
        self._run_stats = RunStats()
        run_state = RunState(self._run_stats)
        run_state.expect(self._units)
        self._run = SimulatedRun(devices, rules, journal=run_state.apply)
        self._run.begin(self._units)
        self._summary: RunSummary | None = None
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._pass_time, name="virtual-time", daemon=True)

    def start(self) -> None:
        """Start the virtual clock; returns at once."""
        self._began = self._clock()
        self._thread.start()

    def close(self) -> None:
        """Stop the virtual clock."""
        self._over.set()
        self._thread.join()

    def step(self) -> None:
        """Run the events up to now."""
        self._run.advance(self._speed * (self._clock() - self._began))
        if self._run.coordinator.over and self._summary is None:
            self._summary = self._summarise()

    def snapshot(self) -> RunSnapshot:
        """See `RunHandle.snapshot`."""
        work = self._run.coordinator.snapshot()
        totals = work.totals
        return RunSnapshot(
            phase=Phase.RUNNING if self._summary is None else Phase.FINISHED,
            model_label=LABEL,
            untrained=False,
            output=f"nothing is written; {self._speed:g} times as fast",
            started_at=self._started_at,
            elapsed_seconds=self._run.now,
            scan=ScanProgress(totals.files, totals.files, totals.sequences, totals.residues),
            stealing=self._rules.stealing,
            splitting=self._rules.batch_cost < inf,
            **work.values(),
        )

    def events_after(self, sequence: int) -> tuple[Event, ...]:
        """See `RunHandle.events_after`."""
        return self._run.coordinator.events_after(sequence)

    def units(self) -> Sequence[Unit]:
        """See `RunHandle.units`."""
        return self._units

    def places(self, known: int) -> Places | None:
        """See `RunHandle.places`."""
        return self._run.coordinator.places(known)

    def log_folder(self) -> Path:
        """See `RunHandle.log_folder`; there are no logs."""
        return Path(tempfile.gettempdir())

    def execute(self, command: Command) -> Outcome:
        """See `RunHandle.execute`."""
        if isinstance(command, AddFiles):
            return Outcome(False, "a simulated run reads no files")
        return self._run.coordinator.execute(command)

    def summary(self) -> RunSummary | None:
        """See `RunHandle.summary`."""
        return self._summary

    def _pass_time(self) -> None:
        while self._summary is None and not self._over.wait(TICK_SECONDS):
            self.step()

    def _summarise(self) -> RunSummary:
        totals, stats = self._run.coordinator.totals(), self._run_stats
        return RunSummary(
            done=totals.done,
            failed=stats.failures,
            waiting=totals.waiting + totals.running,
            sequences=totals.sequences_done,
            residues=totals.residues_done,
            truncated=0,
            replaced=0,
            skipped=0,
            elapsed_seconds=self._run.now,
            steals=stats.steals,
            moves=stats.moves,
            devices=tuple(map(self._device, self._run.coordinator.get_gpu_metrics())),
            model_label=LABEL,
            output="nothing was written",
            efficiency=stats.efficiency(),
            splits=stats.splits,
        )

    def _device(self, row: DeviceMetrics) -> DeviceSummary:
        busy = self._run_stats.devices[row.device].compute_seconds
        done = self._run_stats.device_summary(row.device, None)
        return replace(done, name=row.name, busy_seconds=busy, restarts=row.restarts)
