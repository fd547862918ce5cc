"""What the screen costs, in a real pseudo-terminal: `python -m tests.benchmarks.screen`.

Prints the time from a key press to the painted row under the cursor, with 100,000 queued files
and 64 devices at four pictures a second; the share of a core that the app's process takes on
8 and on 64 devices, tab by tab, beside the same process without a screen; the time from the
command `tui-balancer run` on a folder of a million files to the first paint, and to all of them
found; and the memory of the app's process once a million files are listed, beside that with a
thousand and that of the names alone. `--only` picks one of them.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median, quantiles
from tempfile import TemporaryDirectory

import psutil

from tests.support.commands import run_command, workers_of
from tests.support.terminal import Terminal
from tui_balancer.leases import Progress
from tui_balancer.process.heap import return_large_blocks
from tui_balancer.samples import DeviceSample, Telemetry
from tui_balancer.scheduler.commands import Command, Outcome
from tui_balancer.scheduler.coordinator import WorkStealingCoordinator
from tui_balancer.scheduler.events import Event
from tui_balancer.scheduler.model import DeviceSpec, Lease, TimeSettings, Unit
from tui_balancer.scheduler.read_api import Places
from tui_balancer.view.handle import Phase, RunSnapshot, RunSummary, ScanProgress

RATE = 1e12
"""FLOP/s of a made-up device."""

KEYS = ("j", "j", "j", "k", "\x1b[6~", "j", "j", "\x1b[5~", "k", "j")
PRESSES = 200
TABS = {
    "1": "Finish times",
    "2": "Files",
    "4": "Steals by device",
    "3": "No problems",
    "5": "per column",
    "6": "this log is empty",
}
CPU_SECONDS = 12.0
PAINTS = 5


def name_of(number: int) -> str:
    return f"virome/part_{number % 997}/contigs_{number:07}.faa"


class MadeUpRun:
    """A `RunHandle` over the coordinator of real runs, whose workers only count.

    Args:
        devices: How many.
        files: How many; entered by a thread of its own, as a scan does.
        seconds: What a file takes.
    """

    def __init__(self, devices: int, files: int, seconds: float) -> None:
        self._began = time.monotonic()
        self._count = files
        self._seconds = seconds
        self._units: tuple[Unit, ...] = ()
        specs = [DeviceSpec(f"cuda:{number}", "Made-up card", 1.0) for number in range(devices)]
        self._coordinator = WorkStealingCoordinator(
            specs, policy=TimeSettings(), clock=self._elapsed
        )
        self._incarnations = {
            spec.device: self._coordinator.worker_starting(spec.device) for spec in specs
        }
        threading.Thread(target=self._work, daemon=True).start()

    def _elapsed(self) -> float:
        return time.monotonic() - self._began

    def _work(self) -> None:
        cost = RATE * self._seconds
        units = tuple(
            Unit(number, name_of(number), 100, 25_000, cost) for number in range(self._count)
        )
        board = self._coordinator
        for device, incarnation in self._incarnations.items():
            board.worker_ready(device, incarnation)
        board.assign(units)
        self._units = units
        held: dict[str, tuple[Lease | None, float]] = {}
        while True:
            time.sleep(0.25)
            for device, incarnation in self._incarnations.items():
                now = self._elapsed()
                board.record_telemetry(
                    device, incarnation, Telemetry(now, DeviceSample(1 << 33, 1 << 36))
                )
                lease, since = held.pop(device, (None, 0.0))
                if lease is not None and now - since >= self._seconds:
                    board.begin_completion(device, incarnation, lease.unit.unit_id, lease.epoch)
                    board.record_file_completion(lease.unit.unit_id, lease.epoch, now - since)
                    lease = None
                if lease is None:
                    lease, since = board.take(device, incarnation), now
                if lease is not None:
                    share = min(1.0, (now - since) / self._seconds)
                    unit = lease.unit
                    done = Progress(
                        int(unit.sequences * share), int(unit.residues * share), unit.cost * share
                    )
                    board.report_progress(device, incarnation, unit.unit_id, lease.epoch, done)
                    held[device] = lease, since

    def snapshot(self) -> RunSnapshot:
        picture = self._coordinator.snapshot()
        return RunSnapshot(
            phase=Phase.RUNNING if self._units else Phase.SCANNING,
            model_label="made up",
            untrained=True,
            output="nowhere",
            started_at=time.time() - self._elapsed(),
            elapsed_seconds=self._elapsed(),
            scan=ScanProgress(self._count, self._count // 3, 1, 1),
            totals=picture.totals,
            policy=picture.policy,
            stealing=True,
            sequences_per_second=picture.sequences_per_second,
            residues_per_second=picture.residues_per_second,
            eta_seconds=picture.eta_seconds,
            devices=picture.devices,
            last_event=picture.last_event,
        )

    def events_after(self, sequence: int) -> tuple[Event, ...]:
        return self._coordinator.events_after(sequence)

    def units(self) -> Sequence[Unit]:
        return self._units

    def places(self, known: int) -> Places | None:
        return self._coordinator.places(known)

    def log_folder(self) -> Path:
        return Path("nowhere")

    def execute(self, command: Command) -> Outcome:
        return self._coordinator.execute(command)

    def summary(self) -> RunSummary | None:
        return None


def child(devices: int, files: int, seconds: float, screen: bool) -> None:
    """What runs in the pseudo-terminal."""
    if not screen:
        MadeUpRun(devices, files, seconds)
        print("no screen", file=sys.stderr, flush=True)
        threading.Event().wait()
    # As a run does, before it begins to count.
    from tui_balancer.ui.app import BalancerApp

    return_large_blocks()
    BalancerApp(MadeUpRun(devices, files, seconds)).run()


def opened(devices: int, files: int, seconds: float, *, screen: bool = True) -> Terminal:
    words = ["--child", str(devices), str(files), str(seconds), str(int(screen))]
    return Terminal([sys.executable, "-m", "tests.benchmarks.screen", *words])


def key_to_paint() -> str:
    """Press keys in the list of files and wait each time for the row under the cursor."""
    terminal = opened(64, 100_000, 2.0)
    terminal.wait_for("running")
    terminal.press("2")
    terminal.wait_for("100,000 files", "waiting")
    terminal.emulated = False
    took = []
    for number in range(PRESSES):
        terminal.read_for(0.05 + number % 7 / 50)
        before = terminal.text.count("▸")
        began = time.perf_counter()
        terminal.press(KEYS[number % len(KEYS)])
        terminal.wait_until(lambda: terminal.text.count("▸") > before)  # noqa: B023
        took.append(1000 * (time.perf_counter() - began))
    close(terminal)
    tail = quantiles(took, n=20)[-1]
    return (
        f"key to paint, 100,000 files, 64 devices   median {median(took):.0f} ms, p95 {tail:.0f} ms"
        f" (goal < 50), worst {max(took):.0f} ms"
    )


def processor_share(devices: int, goal: str) -> str:
    """Let the app show each tab for a while, and measure the share of a core that it takes."""
    shares = {}
    for key, words in {"": "no screen", **TABS}.items():
        terminal = opened(devices, 2_000, 5.0, screen=bool(key))
        if key:
            terminal.wait_for("running")
            terminal.press(key)
        terminal.wait_for(words)
        process = psutil.Process(terminal.process.pid)
        terminal.emulated = False
        terminal.read_for(2.0)
        before, began = process.cpu_times(), time.monotonic()
        terminal.read_for(CPU_SECONDS)
        after, seconds = process.cpu_times(), time.monotonic() - began
        used = after.user + after.system - before.user - before.system
        shares[key] = 100 * used / seconds
        close(terminal)
    named = ("without a screen", "overview", "queues", "problems", "steals", "timeline", "logs")
    figures = ", ".join(
        f"{name} {share:.1f} %" for name, share in zip(named, shares.values(), strict=True)
    )
    return f"share of a core, {devices:>2} devices (goal {goal})   {figures}"


def first_paint() -> str:
    """Run the program on a million files, made for it beforehand."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        for part in range(1_000):
            (folder / f"part_{part}").mkdir()
            for number in range(1_000):
                (folder / f"part_{part}" / f"contigs_{number}.faa").write_bytes(b">a\nMKV\n")
        paints, found = [], 0.0
        for attempt in range(PAINTS):
            began = time.perf_counter()
            terminal = Terminal(run_command(folder, output=folder / f"out{attempt}"))
            terminal.wait_for("Overview", "preparing")
            paints.append(time.perf_counter() - began)
            terminal.wait_for("1,000,000 files scanned")
            found = time.perf_counter() - began
            for worker in workers_of(terminal.process.pid):
                worker.kill()
            close(terminal)
            shutil.rmtree(folder / f"out{attempt}")
    return (
        f"run on a million files   first paint after {median(paints):.2f} s (goal < 1), worst of "
        f"{PAINTS} {max(paints):.2f} s; all found after {found:.1f} s"
    )


def a_million() -> str:
    """Let a million files be listed, and a thousand; hold bare names and numbers of a million."""
    plain, listed = resident_with(1_000_000)
    _, few = resident_with(1_000)
    before = psutil.Process().memory_info().rss
    bare = [name_of(number) for number in range(1_000_000)], list(range(1_000_000))
    least = psutil.Process().memory_info().rss - before
    del bare
    return (
        f"a million files listed   {listed / 1e6:.0f} MB (goal < 350), "
        f"{(listed - plain) / 1e6:.0f} of them for the list; {few / 1e6:.0f} with a thousand "
        f"files; a million bare names and numbers {least / 1e6:.0f}"
    )


def resident_with(files: int) -> tuple[int, int]:
    """Return the resident bytes of an app before it lists so many files, and after."""
    terminal = opened(8, files, 5.0)
    terminal.wait_for("running")
    plain = psutil.Process(terminal.process.pid).memory_info().rss
    terminal.press("2")
    terminal.wait_for(f"{files:,} files", "waiting")
    terminal.emulated = False
    terminal.read_for(5.0)
    listed = psutil.Process(terminal.process.pid).memory_info().rss
    close(terminal)
    return plain, listed


def close(terminal: Terminal) -> None:
    terminal.process.kill()
    terminal.process.wait()
    terminal.close()


BENCHMARKS = {
    "keys": lambda: key_to_paint(),
    "cpu8": lambda: processor_share(8, "< 3 %"),
    "cpu64": lambda: processor_share(64, "< 8 %"),
    "million": lambda: a_million(),
    "paint": lambda: first_paint(),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--only", choices=BENCHMARKS)
    parser.add_argument("--child", nargs=4, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        devices, files, seconds, screen = options.child
        child(int(devices), int(files), float(seconds), screen == "1")
        return
    for name, benchmark in BENCHMARKS.items():
        if options.only in (None, name):
            print(benchmark(), flush=True)


if __name__ == "__main__":
    main()
