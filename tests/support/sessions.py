"""Whole runs in the test's own process, to be disturbed from outside."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import Queue
from typing import Any
from unittest.mock import patch

from tests.support.flat_settings import flat_settings
from tui_balancer.attach.server import AttachServer
from tui_balancer.leases import Directive
from tui_balancer.run.live.session import RunSession
from tui_balancer.run.live.worker_pool import worker_log
from tui_balancer.run.prepare.prepare import prepare
from tui_balancer.run.prepare.resume import Resuming
from tui_balancer.scheduler.model import DeviceMetrics
from tui_balancer.view.handle import RunSummary
from tui_balancer.workers.wire.protocol import TaskProgress, WorkerId

DEADLINE_SECONDS = 250.0


def on_cores(
    inputs: Path,
    model: str,
    output: Path,
    workers: int,
    *,
    resuming: Resuming = Resuming(),  # noqa: B008 - frozen
    **settings: Any,
) -> RunSession:
    """Return a run on so many single-threaded CPU workers that has not begun."""
    return RunSession(
        prepare(
            flat_settings(
                inputs=(str(inputs),),
                output=output,
                model=model,
                devices="cpu",
                cpu_workers=workers,
                cpu_threads=1,
                **settings,
            ),
            resuming=resuming,
        ),
        attach_service=AttachServer,
    )


def session(
    inputs: Path, checkpoint: Path, output: Path, *, cpu_workers: int = 2, **settings: Any
) -> RunSession:
    """Return a run on two such workers, in small batches."""
    return on_cores(
        inputs, str(checkpoint), output, cpu_workers, **({"batch_tokens": 256} | settings)
    )


def wait_until(run: RunSession, holds: Callable[[], object]) -> None:
    """Wait until something holds; the run tells of every change."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not holds():
        assert time.monotonic() < deadline, f"never happened: {run.snapshot()}"
        assert not run.wait(0) or holds(), f"the run ended before: {run.summary()}"
        run.coordinator.wait(timeout=0.05)


def wait_for_row(run: RunSession, looks: Callable[[DeviceMetrics], bool]) -> DeviceMetrics:
    """Wait until a device looks like that, and return its row."""
    found: list[DeviceMetrics] = []

    def seen() -> bool:
        found[:] = filter(looks, run.coordinator.get_gpu_metrics())
        return bool(found)

    wait_until(run, seen)
    return found[0]


def in_mid_file(row: DeviceMetrics) -> bool:
    """Whether a device has batches of its file behind it, and others before it."""
    return row.running is not None and 0.2 < row.running.fraction < 0.8


def at_work(row: DeviceMetrics) -> bool:
    """Whether a device has a file."""
    return row.running is not None


@contextmanager
def held(
    run: RunSession, looks: Callable[[DeviceMetrics], bool] = in_mid_file
) -> Iterator[DeviceMetrics]:
    """Hold the first worker of this machine whose device looks like that; yield its row.

    It waits for the answer to its report until the block ends: it is there whenever the test
    comes, however busy the machine is. The others continue.
    """
    reported = run.worker_service.progress
    found, released, one = Queue[DeviceMetrics](), threading.Event(), threading.Lock()

    def progress(worker: WorkerId, report: TaskProgress) -> Directive:
        order = reported(worker, report)
        rows = run.coordinator.get_gpu_metrics()
        (row,) = (row for row in rows if row.device == worker.device)
        if looks(row) and one.acquire(blocking=False):
            found.put(row)
            released.wait()
        return order

    with patch.object(run.worker_service, "progress", progress):
        try:
            wait_until(run, lambda: not found.empty())
            yield found.get()
        finally:
            released.set()


def completed(run: RunSession) -> RunSummary:
    """Start a run, and return its summary once it has ended."""
    run.start()
    return finished(run)


def finished(run: RunSession) -> RunSummary:
    """Wait for the end of a run and return its summary."""
    assert run.wait(DEADLINE_SECONDS)
    run.close()
    summary = run.summary()
    assert summary is not None
    return summary


def outputs(folder: Path) -> dict[str, bytes]:
    """Return what lies in a run folder as outputs."""
    return {path.name: path.read_bytes() for path in folder.rglob("*_ESM.pt")}


def leftovers(folder: Path) -> list[Path]:
    """Return what must not lie in a run folder after the end."""
    return [*folder.rglob("*.tmp"), *folder.rglob("*.partial")]


def worker_logs(folder: Path) -> str:
    """Return what the CPU workers printed."""
    return "".join(worker_log(folder, f"cpu:{number}").read_text() for number in range(2))
