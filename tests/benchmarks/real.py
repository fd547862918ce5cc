"""Wall time on two unequal CPU workers, against others who share the same work out.

    python -m tests.benchmarks.real            (needs `pip install distributed`)

One of two workers gets half of its core: it is stopped and continued by turns, 50 ms each, as a
quota would. Nobody is told. All contenders embed the same files with the same untrained model,
one thread a worker, and write an output for each:

- the program itself, with its default balancing; and with the first assignment alone (`static`);
- dask.distributed: a task a file, on two worker processes, with its own work stealing, in the
  order of the names; and once more with the largest files first, which it cannot know by itself;
- a process a file, two at a time, as GNU parallel would: each loads torch and the model. The
  largest files first, too.

All but those of the last have their model loaded when time begins and one is slowed down.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

from tests.benchmarks.embedding_task import MODEL, embed_file, warm_up
from tui_balancer.inputs.synthetic import write_synthetic

SEED = 0
SLICE_SECONDS = 0.05
WORKERS = 2


@contextmanager
def half_speed(pid: Callable[[], int | None]) -> Iterator[None]:
    """Stop and continue a process by turns; `pid` names it anew for every turn."""
    over = threading.Event()

    def throttle() -> None:
        while not over.wait(SLICE_SECONDS):
            process = pid()
            if process is None:
                continue
            try:
                os.kill(process, signal.SIGSTOP)
                over.wait(SLICE_SECONDS)
                os.kill(process, signal.SIGCONT)
            except ProcessLookupError:
                continue

    thread = threading.Thread(target=throttle)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def balanced(files: list[Path], output: Path, *, balancing: bool) -> float:
    """Run the program; return the seconds from the first lease to the last finished file."""
    from tui_balancer.run.live.session import RunSession
    from tui_balancer.run.prepare.prepare import prepare
    from tui_balancer.scheduler.events import DoneEvent, LeaseEvent
    from tui_balancer.settings import BalancingSettings, DeviceSettings, RunSettings

    run = RunSession(
        prepare(
            RunSettings(
                inputs=tuple(map(str, files)),
                output=output,
                model=MODEL,
                devices=DeviceSettings("cpu", cpu_workers=WORKERS, cpu_threads=1),
                balancing=BalancingSettings(stealing=balancing, splitting=balancing),
            )
        )
    )
    run.start()

    def slow() -> int | None:
        events = run.events_after(0)
        loaded = any(isinstance(one, LeaseEvent) and one.device == "cpu:1" for one in events)
        return run.engine.pids().get("cpu:1") if loaded else None

    with half_speed(slow):
        assert run.wait(600), "the run does not end"
    run.close()
    events = run.events_after(0)
    began = min(event.seconds for event in events if isinstance(event, LeaseEvent))
    summary = run.summary()
    assert summary is not None and summary.done == len(files), "a file is missing"  # noqa: PT018
    return max(event.seconds for event in events if isinstance(event, DoneEvent)) - began


def dask(files: list[Path], output: Path) -> float:
    """Let dask.distributed share the files out."""
    from distributed import Client, LocalCluster

    output.mkdir()
    with (
        LocalCluster(
            n_workers=WORKERS, threads_per_worker=1, processes=True, dashboard_address=None
        ) as cluster,
        Client(cluster) as client,
    ):
        client.wait_for_workers(WORKERS)
        client.run(warm_up)
        slow = next(iter(client.run(os.getpid).values()))
        with half_speed(lambda: slow):
            began = time.perf_counter()
            client.gather(client.map(embed_file, files, folder=output, pure=False))
            return time.perf_counter() - began


def largest_first(files: list[Path]) -> list[Path]:
    return sorted(files, key=lambda path: -path.stat().st_size)


def process_a_file(files: list[Path], output: Path) -> float:
    """Start a process for every file, two at a time; those of one slot are the slow ones."""
    output.mkdir()
    waiting = list(reversed(largest_first(files)))
    lock = threading.Lock()
    running: dict[int, int] = {}

    def slot(number: int) -> None:
        while True:
            with lock:
                if not waiting:
                    running.pop(number, None)
                    return
                path = waiting.pop()
            command = [sys.executable, "-m", "tests.benchmarks.embedding_task"]
            process = subprocess.Popen([*command, str(path), str(output)])
            running[number] = process.pid
            assert process.wait() == 0, f"{path} failed"

    began = time.perf_counter()
    slots = [threading.Thread(target=slot, args=(number,)) for number in range(WORKERS)]
    with half_speed(lambda: running.get(0)):
        for thread in slots:
            thread.start()
        for thread in slots:
            thread.join()
    return time.perf_counter() - began


CONTENDERS: dict[str, Callable[[list[Path], Path], float]] = {
    "tui-balancer": lambda files, output: balanced(files, output, balancing=True),
    "static": lambda files, output: balanced(files, output, balancing=False),
    "dask.distributed": dask,
    "dask, largest first": lambda files, output: dask(largest_first(files), output),
    "a process a file": process_a_file,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--files", type=int, default=20)
    parser.add_argument("--sequences", type=int, default=1200)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--only", nargs="+", choices=CONTENDERS, default=list(CONTENDERS))
    options = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = os.environ["MKL_NUM_THREADS"] = "1"
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        # Nobody shall know the workers from an earlier run.
        os.environ["TUI_BALANCER_CACHE"] = str(folder / "cache")
        files = list(
            write_synthetic(
                folder / "inputs", files=options.files, sequences=options.sequences, seed=SEED
            )
        )
        seconds: dict[str, list[float]] = {name: [] for name in options.only}
        for number in range(options.rounds):
            for name in options.only:
                took = CONTENDERS[name](files, folder / f"{name}-{number}")
                seconds[name].append(took)
                print(f"  {name}: {took:.1f} s", flush=True)
        first = median(seconds[options.only[0]])
        print(f"{options.files} files, {options.sequences:,} sequences, {MODEL}")
        for name, times in seconds.items():
            print(f"{name:20}{median(times):8.1f} s{median(times) / first:8.2f}", flush=True)


if __name__ == "__main__":
    main()
