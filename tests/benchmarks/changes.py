"""How long changes of a real run of many files take, and others meanwhile.

`tests.benchmarks.control` prints it. The run has two CPU workers, which are paused: what is
measured is the app.
"""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from statistics import median

from tests.support.checkpoints import make_checkpoint
from tests.support.preloaded import preloaded_workers
from tests.support.sessions import session
from tui_balancer.attach.client import AttachClient, live_connection
from tui_balancer.scheduler.commands import (
    AddFiles,
    Command,
    DrainDevice,
    MoveUnits,
    PauseAll,
    ReorderUnits,
    RetryUnits,
    SetPolicy,
    SkipUnits,
    StartDevice,
    Undo,
)
from tui_balancer.scheduler.model import DeviceState, TimeSettings
from tui_balancer.view.names import FileSelection

ADDED_SHARE = 5
"""A big addition has a file for so many of the run."""

HALF = FileSelection(waiting="*[02468].faa")
"""Every other file."""

HALVES = 3
"""How often half of the files are changed in every way."""

SWAPS = 6
POLL_SECONDS = 0.005


def write_files(folder: Path, files: int) -> None:
    """Write small files of different sizes, 1,000 in a folder."""
    for number in range(files):
        place = folder / f"part_{number // 1000}"
        if number % 1000 == 0:
            place.mkdir(parents=True)
        residues = "MKV" * (1 + number * 7919 % 97)
        (place / f"contigs_{number:07}.faa").write_text(f">a\n{residues}\n")


def serve(folder: Path, files: int) -> None:
    """Serve a run of so many files, each a unit, until standard input ends."""
    write_files(folder / "in", files)
    write_files(folder / "late", files // ADDED_SHARE)
    write_files(folder / "single", SWAPS)
    checkpoint = make_checkpoint(folder / "tiny.pt")
    with preloaded_workers():
        run = session(folder / "in", checkpoint, folder / "out", batch_tokens=1)
        run.start()
        run.execute(PauseAll())
        while run.snapshot().totals.files < files:
            time.sleep(0.1)
        print("served", flush=True)
        sys.stdin.read()
        run.close()


def connected(folder: Path) -> AttachClient:
    connection = live_connection(folder / "out")
    assert connection is not None
    return AttachClient(connection, folder / "out")


def timed(run: AttachClient, command: Command) -> float:
    """Return the milliseconds until a command is answered, which is accepted."""
    began = time.perf_counter()
    outcome = run.execute(command)
    took = 1e3 * (time.perf_counter() - began)
    assert outcome.accepted, outcome
    return took


def wait_until(run: AttachClient, device: str, state: DeviceState) -> None:
    while {row.device: row.state for row in run.snapshot().devices}[device] is not state:
        time.sleep(0.05)


def swap(run: AttachClient) -> tuple[list[float], list[float]]:
    """Drain and start the two devices in turn; each time all files change hands, at first half."""
    drains, starts = [], []
    for number in range(SWAPS):
        device = f"cpu:{number % 2}"
        drains.append(timed(run, DrainDevice(device)))
        wait_until(run, device, DeviceState.DRAINED)
        starts.append(timed(run, StartDevice(device)))
        run.execute(PauseAll())
        wait_until(run, device, DeviceState.PAUSED)
        time.sleep(1.0)
    return drains, starts


@contextmanager
def others(asked: Mapping[str, Callable[[], object]]) -> Iterator[dict[str, float]]:
    """Ask for something again and again meanwhile; yield the longest that each took."""
    worst, over = dict.fromkeys(asked, 0.0), threading.Event()

    def ask_all() -> None:
        while not over.wait(POLL_SECONDS):
            for kind, ask in asked.items():
                began = time.perf_counter()
                ask()
                worst[kind] = max(worst[kind], 1e3 * (time.perf_counter() - began))

    asking = threading.Thread(target=ask_all)
    asking.start()
    yield worst
    over.set()
    asking.join()


def add_many(folder: Path, run: AttachClient) -> tuple[float, float, dict[str, float]]:
    """Add a folder; return the milliseconds until its answer and until all is added.

    And the longest that other requests took meanwhile.
    """
    other, before = connected(folder), run.snapshot().totals.files
    added = before + len([*(folder / "late").rglob("*.faa")])
    asked = {
        "a snapshot": other.snapshot,
        "a command": lambda: other.execute(SetPolicy(TimeSettings(time.monotonic()))),
    }
    with others(asked) as worst:
        began = time.perf_counter()
        answer = timed(run, AddFiles((str(folder / "late"),)))
        while run.snapshot().totals.files < added:
            time.sleep(POLL_SECONDS)
        until = 1e3 * (time.perf_counter() - began)
    return answer, until, worst


def change_half(folder: Path, run: AttachClient) -> dict[str, list[float]]:
    """Change half of the files in every way; return the milliseconds until each answer.

    What a person names by a glob is looked for in this time.
    """
    other, chosen = connected(folder), run.files(HALF).numbers
    steps: tuple[tuple[str, Callable[[], Command]], ...] = (
        ("move --waiting GLOB", lambda: MoveUnits(run.files(HALF).numbers, "cpu:0")),
        ("undo a move", Undo),
        ("first --waiting GLOB", lambda: ReorderUnits(run.files(HALF).numbers, first=True)),
        ("undo a reorder", Undo),
        ("last --waiting GLOB", lambda: ReorderUnits(run.files(HALF).numbers, first=False)),
        ("undo a reorder", Undo),
        ("skip --waiting GLOB", lambda: SkipUnits(run.files(HALF).numbers)),
        ("undo a skip", Undo),
        ("skip --waiting GLOB", lambda: SkipUnits(run.files(HALF).numbers)),
        ("retry", lambda: RetryUnits(chosen)),
    )
    took: dict[str, list[float]] = {}
    with others({"meanwhile a snapshot": other.snapshot}) as worst:
        for _ in range(HALVES):
            for kind, command in steps:
                began = time.perf_counter()
                outcome = run.execute(command())
                took.setdefault(kind, []).append(1e3 * (time.perf_counter() - began))
                assert outcome.accepted, outcome
                time.sleep(1.0)
    return {**took, **{kind: [one] for kind, one in worst.items()}}


def print_changes(folder: Path, files: int) -> None:
    """Serve a run in a process of its own, and print what changing it takes."""
    words = ["--serve-changes", str(folder), "--files", str(files)]
    app = subprocess.Popen(
        [sys.executable, "-m", "tests.benchmarks.control", *words],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert app.stdout is not None
    assert any(line == "served\n" for line in app.stdout)
    run = connected(folder)
    drains, starts = swap(run)
    added = [timed(run, AddFiles((str(path),))) for path in (folder / "single").rglob("*.faa")]
    halves = change_half(folder, run)
    answer, until, worst = add_many(folder, run)
    rows = {
        **{f"{kind}, {files // 2:,} files": took for kind, took in halves.items()},
        f"drain, {files // 2:,} files": drains[:1],
        f"drain, {files:,} files": drains[1:],
        "start": starts,
        "add a file": added,
        f"add {files // ADDED_SHARE:,} files": [answer],
        "until they are added": [until],
        **{f"meanwhile {kind}": [took] for kind, took in worst.items()},
    }
    for kind, took in rows.items():
        print(f"{kind:<38}{median(took):>10.1f}{max(took):>10.1f}", flush=True)
    app.communicate()
