"""What asking and steering a live run costs it: `python -m tests.benchmarks.control`.

Serves a made-up run of 100,000 files, over the coordinator of real runs, in a process of its own.
Prints how long each kind of request takes until its answer is there, median and worst; and the
share of a core that the run's process takes for 20 clients at once, above what it takes without
them: `status` as a command in a loop, each on a core of its own (a connection each time, with the
pause that the start of the program takes), and clients that ask on one connection without a pause.
Then drains and starts devices, changes half of the files in every way, and adds files in a real run
of as many files; prints how long that takes, and how long others wait meanwhile. `--only` prints
one of the two.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import psutil

from tests.benchmarks.changes import print_changes
from tests.benchmarks.changes import serve as serve_changes
from tests.benchmarks.screen import MadeUpRun
from tui_balancer.attach.client import AttachClient, live_connection
from tui_balancer.attach.server import AttachServer
from tui_balancer.scheduler.commands import (
    MoveUnits,
    PauseDevice,
    ReorderUnits,
    ResumeDevice,
    SetPolicy,
)
from tui_balancer.scheduler.model import TimeSettings
from tui_balancer.view.names import FileSelection
from tui_balancer.workers.wire.socket_folder import private_folder

GOAL_MS = 100.0
GOAL_SHARE = 0.05
CLIENTS = 20
FILE_SECONDS = 5.0


def serve(folder: Path, devices: int, files: int) -> None:
    """Serve a made-up run until standard input ends."""
    run = MadeUpRun(devices, files, FILE_SECONDS)
    while not run.units():
        time.sleep(0.05)
    AttachServer(run, folder, private_folder()).open()
    print("served", flush=True)
    sys.stdin.read()


def connected(folder: Path) -> AttachClient:
    connection = live_connection(folder)
    assert connection is not None
    return AttachClient(connection, folder)


def ask_in_a_loop(folder: Path, seconds: float, pause: float | None) -> int:
    """Ask for the status from many threads at once; return how many answers came.

    Args:
        pause: Seconds between two connections of a client; None to ask on one without a pause.
    """
    until, counts = time.monotonic() + seconds, [0] * CLIENTS

    def client(number: int) -> None:
        run = connected(folder)
        while time.monotonic() < until:
            if pause is not None:
                time.sleep(pause)
                run.close()
                run = connected(folder)
            run.status()
            counts[number] += 1
        run.close()

    threads = [threading.Thread(target=client, args=(number,)) for number in range(CLIENTS)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    return sum(counts)


def milliseconds(ask: Callable[[], object], times: int) -> list[float]:
    took = []
    for _ in range(times):
        began = time.perf_counter()
        ask()
        took.append(1e3 * (time.perf_counter() - began))
        time.sleep(0.02)
    return took


def answers(folder: Path, files: int, times: int) -> None:
    """Print how long each kind of request takes."""
    run = connected(folder)
    numbers = iter(range(files // 2, files))

    def name() -> str:
        number = next(numbers)
        return f"virome/part_{number % 997}/contigs_{number:07}.faa"

    def first() -> object:
        found = run.files(FileSelection((name(),)))
        return run.execute(ReorderUnits(found.numbers, first=True))

    def move() -> object:
        found = run.files(FileSelection(waiting=f"virome/part_{next(numbers) % 997}/*"))
        return run.execute(MoveUnits(found.numbers, "cuda:0"))

    def pause() -> object:
        run.execute(PauseDevice("cuda:1"))
        return run.execute(ResumeDevice("cuda:1"))

    def with_a_connection() -> object:
        other = connected(folder)
        other.status()
        other.close()
        return None

    kinds: dict[str, Callable[[], object]] = {
        "status, with a connection": with_a_connection,
        "pause and continue a device": pause,
        "threshold": lambda: run.execute(SetPolicy(TimeSettings(time.monotonic()))),
        "first FILE": first,
        "move --waiting GLOB, 100 files": move,
        "a name that is not known": lambda: run.files(FileSelection(("contigs_00017.faa",))),
    }
    print(f"{'request':<34}{'median ms':>10}{'worst ms':>10}   goal < {GOAL_MS:.0f}")
    for kind, ask in kinds.items():
        took = milliseconds(ask, times)
        print(f"{kind:<34}{median(took):>10.1f}{max(took):>10.1f}", flush=True)


def program_seconds(folder: Path) -> float:
    """Return what `tui-balancer status` takes as a process, at its best."""
    command = [sys.executable, "-m", "tui_balancer", "status", str(folder)]
    took = milliseconds(lambda: subprocess.run(command, stdout=subprocess.DEVNULL, check=True), 5)
    return min(took) / 1e3


def share(app: psutil.Process, seconds: float, meanwhile: Callable[[], object]) -> float:
    """Return the share of a core that the app takes while something is done."""

    def used() -> float:
        times = app.cpu_times()
        return float(times.user + times.system)

    before, began = used(), time.monotonic()
    meanwhile()
    time.sleep(max(0.0, began + seconds - time.monotonic()))
    return (used() - before) / (time.monotonic() - began)


def crowds(folder: Path, app: psutil.Process, seconds: float) -> None:
    """Print what many clients at once cost the app."""
    alone = share(app, seconds, lambda: None)
    took = program_seconds(folder)
    print(f"\n`tui-balancer status` takes {took:.2f} s; the run alone {alone:.1%} of a core")
    print(f"{f'{CLIENTS} clients':<34}{'answers/s':>10}{'of a core':>10}   goal < {GOAL_SHARE:.0%}")
    kinds = {"the command in a loop": str(took), "without a pause": "none"}
    for kind, pause in kinds.items():
        words = ["--ask", str(folder), str(seconds), pause]
        command = [sys.executable, "-m", "tests.benchmarks.control", *words]
        counts: list[int] = []

        def crowd(command: list[str] = command, counts: list[int] = counts) -> None:
            counts.append(int(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout))

        extra = share(app, seconds, crowd) - alone
        print(f"{kind:<34}{counts[0] / seconds:>10.0f}{extra:>10.1%}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--devices", type=int, default=8)
    parser.add_argument("--files", type=int, default=100_000)
    parser.add_argument("--times", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--serve", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--serve-changes", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--only", choices=["requests", "changes"])
    parser.add_argument("--ask", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        serve(options.serve, options.devices, options.files)
        return
    if options.serve_changes:
        serve_changes(options.serve_changes, options.files)
        return
    if options.ask:
        folder, seconds, pause = options.ask
        print(
            ask_in_a_loop(Path(folder), float(seconds), None if pause == "none" else float(pause))
        )
        return
    print(f"{options.files:,} files, {options.devices} devices")
    if options.only != "changes":
        requests(options.devices, options.files, options.times, options.seconds)
    if options.only != "requests":
        print(f"\n{'a real run, 2 devices':<38}{'median ms':>10}{'worst ms':>10}")
        with TemporaryDirectory() as name:
            print_changes(Path(name), options.files)


def requests(devices: int, files: int, times: int, seconds: float) -> None:
    """Serve a made-up run in a process of its own, and print what asking it takes."""
    with TemporaryDirectory() as name:
        size = ["--devices", str(devices), "--files", str(files)]
        app = subprocess.Popen(
            [sys.executable, "-m", "tests.benchmarks.control", "--serve", name, *size],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert app.stdout is not None
        assert app.stdout.readline() == "served\n"
        answers(Path(name), files, times)
        crowds(Path(name), psutil.Process(app.pid), seconds)
        app.communicate()


if __name__ == "__main__":
    main()
