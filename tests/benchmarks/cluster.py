"""What a cluster costs: `python -m tests.benchmarks.cluster [overhead] [scale]`.

`overhead`: files of about half a second each, on one single-threaded worker of this machine and on
one of a Dask cluster on loopback, in turns. Columns: seconds a file from the first lease to the
last end, without start and loading, and of those the seconds without a batch in flight. Last, the
ratio of the quickest rounds: what else the machine does only ever makes them longer.

`scale`: what one file costs each part of a run on 1,000 GPUs, measured part by part in processor
time, so that other programs do not count: the coordinator, the ledger, this process's side of
Dask, and the scheduler. From that follows how many files a second each can do, and how short the
files may be before a thousand GPUs wait for it.
"""

from __future__ import annotations

import argparse
import os
import pickle
import random
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import psutil
from distributed import Client, get_worker

from tests.support.cluster import Processes, session_on
from tests.support.ledger_story import RUN, SESSION, file
from tests.support.network import Loopback
from tests.support.sessions import session
from tests.support.tasks import write_task
from tui_balancer.engines.dask.request import ClusterRequest
from tui_balancer.engines.remote.messages import Said
from tui_balancer.leases import Progress
from tui_balancer.ledger.changes import FileDone
from tui_balancer.ledger.reading import read_ledger
from tui_balancer.ledger.schema import LEDGER_NAME
from tui_balancer.ledger.writing import Ledger
from tui_balancer.outputs.sealing import Written
from tui_balancer.run.live.session import RunSession
from tui_balancer.run_folder.ledger_writer import LedgerWriter
from tui_balancer.scheduler.coordinator import WorkStealingCoordinator
from tui_balancer.scheduler.events import DoneEvent, LeaseEvent
from tui_balancer.scheduler.model import DeviceSpec, TimeSettings, Unit
from tui_balancer.workers.wire.protocol import FileResult, TaskResult, WorkerId

MODEL = "untrained:esm2_t6_8M_UR50D"
FILES = 24
SEQUENCES, LENGTH = 13, 200
"""Of a file: about half a second on one core."""

RESIDUES = "ACDEFGHIKLMNPQRSTVWY"

GPUS = 1000
RUN_FILES = 10**7
WORDS = 3
"""Events of a lease: the plan of its batches, that all is computed, what became of it."""

RECORDED = 2000
LEASES = 2000
EVENTS = 10_000


def seconds_a_file(run: RunSession, folder: Path) -> tuple[float, float]:
    """Carry out a run and return its time a file, and how much of it was no batch's."""
    run.start()
    assert run.wait(600)
    run.close()
    with closing(read_ledger(folder / LEDGER_NAME)) as ledger:
        events = [(one.kind, one.seconds) for one in ledger.events()]
        busy = sum(one.busy_seconds for one in ledger.devices())
    first = min(seconds for kind, seconds in events if kind == "lease")
    last = max(seconds for kind, seconds in events if kind == "done")
    return (last - first) / FILES, (last - first - busy) / FILES


def overhead(folder: Path, rounds: int) -> None:
    """Print the cost of a file on both engines."""
    inputs = folder / "in"
    inputs.mkdir()
    dice = random.Random(7)
    for number in range(FILES):
        records = (
            f">p{one}\n{''.join(dice.choices(RESIDUES, k=LENGTH))}\n" for one in range(SEQUENCES)
        )
        (inputs / f"{number:02}.fasta").write_text("".join(records))
    settings = {"batch_tokens": 1024, "splitting": False}
    processes = Processes(folder, Loopback())
    processes.add_node("node-1", workers=1)
    there = ClusterRequest(scheduler=processes.address)
    times: dict[str, list[tuple[float, float]]] = {"local": [], "dask": []}
    print(f"{'local':>9}{'no batch':>10}{'dask':>9}{'no batch':>10}   seconds a file")
    try:
        for turn in range(rounds):
            for engine, taken in times.items():
                out = folder / f"{engine}-{turn}"
                if engine == "local":
                    run = session(inputs, Path(MODEL), out, cpu_workers=1, **settings)
                else:
                    run = session_on(there, inputs, Path(MODEL), out, **settings)
                taken.append(seconds_a_file(run, out))
            (local, idle_local), (dask, idle_dask) = times["local"][-1], times["dask"][-1]
            print(f"{local:>9.4f}{idle_local:>10.4f}{dask:>9.4f}{idle_dask:>10.4f}", flush=True)
    finally:
        processes.close()
    ratio = min(times["dask"])[0] / min(times["local"])[0]
    print(f"a file on the cluster takes {ratio:.3f} of its time on this machine (goal 1.05)")


def coordinator_micros() -> float:
    """Return the microseconds a file that the coordinator takes, of `GPUS` devices."""
    devices = [DeviceSpec(f"node/cuda:{number}", "card", 1.0, 1e12) for number in range(GPUS)]
    run = WorkStealingCoordinator(devices, policy=TimeSettings(), clock=time.monotonic)
    count = 20 * GPUS
    run.assign(Unit(number, f"f{number}", 10, 3000, 1e12 + number) for number in range(count))
    workers = [(one.device, run.worker_starting(one.device)) for one in devices]
    for worker in workers:
        run.worker_ready(*worker)
    whole = Progress(10, 3000, 1e12)
    began = time.process_time()
    for number in range(count):
        worker = workers[number % GPUS]
        lease = run.take(*worker)
        assert lease is not None
        run.learn_batches(*worker, lease.unit.unit_id, lease.epoch, [1e12])
        run.report_progress(*worker, lease.unit.unit_id, lease.epoch, whole, 0, computed=True)
        run.begin_completion(*worker, lease.unit.unit_id, lease.epoch)
        run.record_file_completion(lease.unit.unit_id, lease.epoch, 1.0)
    return 1e6 * (time.process_time() - began) / count


def ledger_micros(folder: Path, threads: int) -> tuple[float, float]:
    """Return processor and wall microseconds a file that the ledger takes."""
    ledger = Ledger.create(folder / f"{threads}.sqlite", RUN, SESSION)
    count = RECORDED * min(threads, 4)
    ledger.record_scan([file(number) for number in range(count)], 1.0)
    journal = LedgerWriter(ledger, time.monotonic)
    numbers = iter(range(1, 10**9))

    def record(number: int) -> None:
        journal.note(LeaseEvent(next(numbers), 1.0, number, f"f{number}", "cuda:0", 1))
        journal.flush()
        journal.note_done(number, 1, FileDone(number, "ab" * 32, 5000, 3))
        journal.flush()
        journal.note(
            DoneEvent(next(numbers), 1.0, number, f"f{number}", "cuda:0", 1, 1.0, (number,))
        )

    began, computed = time.perf_counter(), time.process_time()
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(record, range(count)))
    taken = time.process_time() - computed, time.perf_counter() - began
    ledger.close()
    return 1e6 * taken[0] / count, 1e6 * taken[1] / count


def emit(topic: str, event: bytes, count: int) -> None:
    """Send events from a node."""
    for _ in range(count):
        get_worker().log_event(topic, event)


def nothing(task: bytes) -> None:
    """Stand for a lease on a node."""
    pickle.loads(task)


def measured(processes: Processes, do: Callable[[], None], count: int) -> tuple[float, float]:
    """Return the microseconds that something takes this process and the scheduler."""
    scheduler = psutil.Process(processes.scheduler.pid)

    def spent() -> tuple[float, float]:
        times = scheduler.cpu_times()
        return time.process_time(), times.user + times.system

    here, there = spent()
    do()
    here_after, there_after = spent()
    return 1e6 * (here_after - here) / count, 1e6 * (there_after - there) / count


def dask_micros(folder: Path) -> tuple[tuple[float, float], tuple[float, float]]:
    """Return what a lease and an event take this process and the scheduler."""
    worker = WorkerId("node-1/cuda:0", 1)
    result = FileResult(1, "", (Written("ab" * 32, 5000),), 10)
    event = pickle.dumps((Said(worker, "finish", (TaskResult(1, 1, (result,), 0.5),)),))
    task = pickle.dumps(write_task(folder, 0))
    processes = Processes(folder, Loopback())
    processes.add_node("node-1", workers=1)
    try:
        with Client(processes.address, set_as_default=False) as client:
            client.wait_for_workers(1)
            heard = threading.Semaphore(0)

            def hear(told: tuple[float, bytes]) -> None:
                pickle.loads(told[1])
                heard.release()

            client.subscribe_topic("benchmark", hear)

            def events() -> None:
                client.submit(emit, "benchmark", event, EVENTS, pure=False).result()
                for _ in range(EVENTS):
                    heard.acquire()

            def leases() -> None:
                for number in range(LEASES):
                    future = client.submit(nothing, task, key=f"lease-{number}", pure=False)
                    future.add_done_callback(lambda done: (done.release(), heard.release()))
                for _ in range(LEASES):
                    heard.acquire()

            leases()
            events()
            return measured(processes, leases, LEASES), measured(processes, events, EVENTS)
    finally:
        processes.close()


def scale(folder: Path) -> None:
    """Print what each part can do, and which breaks first."""
    coordinator = coordinator_micros()
    alone, _ = ledger_micros(folder, 1)
    together, wall = ledger_micros(folder, 64)
    (lease_here, lease_there), (event_here, event_there) = dask_micros(folder)
    dask_here, dask_there = (
        lease_here + WORDS * event_here,
        lease_there + WORDS * event_there,
    )
    rows = (
        ("coordinator, 5 calls", coordinator),
        ("ledger, one slot at a time", alone),
        ("ledger, 64 slots at once (wall)", wall),
        (f"this side of Dask, a lease and {WORDS} events", dask_here),
        ("  of it an event", event_here),
        (f"the scheduler, a lease and {WORDS} events", dask_there),
        ("  of it an event", event_there),
        ("the app as a whole (one interpreter)", coordinator + together + dask_here),
    )
    print(f"{'part':<44}{'µs a file':>10}{'files/s':>9}{f'  s a file at {GPUS:,} GPUs':>24}")
    for name, micros in rows:
        rate = 1e6 / micros
        print(f"{name:<44}{micros:>10.0f}{rate:>9,.0f}{GPUS / rate:>24.2f}")
    shortest = GPUS * max(coordinator + together + dask_here, dask_there) / 1e6
    hours = RUN_FILES * shortest / GPUS / 3600
    print(
        f"a thousand GPUs are kept busy by files of {shortest:.2f} s and more; {RUN_FILES:.0e} of "
        f"those take {hours:.1f} hours. At one second a file: {5 * GPUS:,} calls of the "
        f"coordinator's, {2 * GPUS:,} flushes of the ledger and {(WORDS + 1) * GPUS:,} messages "
        "up a second, telemetry included, and the scheduler is busy "
        f"{(GPUS * (dask_there + event_there)) / 1e6:.0%} of the time"
    )


def main() -> None:
    os.environ["OMP_NUM_THREADS"] = "1"
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("what", nargs="*", default=["overhead", "scale"])
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for what in options.what:
            here = Path(folder) / what
            here.mkdir()
            if what == "overhead":
                overhead(here, options.rounds)
            else:
                scale(here)


if __name__ == "__main__":
    main()
