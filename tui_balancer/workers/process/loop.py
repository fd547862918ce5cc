"""The worker's main loop: load the model, then take tasks until there are none.

Imports torch; only `workers.process.entry` imports this module, in the worker's own process.
"""

from __future__ import annotations

import gc
import logging
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager

from tui_balancer.devices.discovery import describe
from tui_balancer.devices.monitoring import DeviceMonitor, open_monitor
from tui_balancer.embedding.embedder import Embedder, load_embedder
from tui_balancer.inputs.records import ProteinRecord, ReadingRules
from tui_balancer.process.heap import give_back_freed_memory
from tui_balancer.samples import Telemetry
from tui_balancer.workers.process.busy import BusyClock
from tui_balancer.workers.process.card import use_device
from tui_balancer.workers.task.oom import free_caches
from tui_balancer.workers.task.prefetch import Prefetch
from tui_balancer.workers.task.read_ahead import ReadAhead
from tui_balancer.workers.task.task import Abandoned, WorkerContext, embed
from tui_balancer.workers.task.write_behind import WriteBehind
from tui_balancer.workers.vectors.batch_plan import first_batch
from tui_balancer.workers.vectors.shared_blocks import shared_blocks
from tui_balancer.workers.wire.config import WorkerSetup
from tui_balancer.workers.wire.protocol import DeviceFacts, Task
from tui_balancer.workers.wire.queues import WorkQueue

_TELEMETRY_SECONDS = 1.0

_log = logging.getLogger(__name__)


def run_worker(setup: WorkerSetup, started: float) -> None:
    """Load the model onto the device, then embed task after task until the run is over.

    Args:
        started: `time.monotonic()` at the worker's first line.
    """
    began = time.monotonic()
    loaded = [load_onto_device(setup)]
    model_seconds = time.monotonic() - began
    assert setup.queues is not None, "a worker process has queues"
    queue = setup.queues.connect(setup.worker)
    load_seconds = time.monotonic() - started
    with at_work(setup, loaded.pop(), queue, load_seconds) as bench:
        say_hello(bench, model_seconds)
        work_until_over(bench)
    _log.info("the run is over")


def load_onto_device(setup: WorkerSetup) -> Embedder:
    """Load the model and warm up.

    Raises:
        UserError: The model cannot be loaded, or lacks a layer.
    """
    _log.info("loading %s onto %s", setup.model.label, setup.worker.device)
    use_device(setup.local_device, setup.memory_share)
    embedder = load_embedder(
        setup.model, setup.local_device, setup.threads, setup.settings, setup.scratch
    )
    if embedder.computes_by_itself:
        # Compilation and kernel choice at the first batch belong to the start, not to a file.
        embedder.embed(["M"])
    # Free the memory that only loading needed.
    give_back_freed_memory()
    # Existing objects stay: a garbage collection over all of torch takes a tenth of a second.
    gc.freeze()
    return embedder


def change_model(bench: WorkerContext, number: int) -> None:
    """Make sure that a model of the run is on the device, instead of the one that is there.

    The memory of that one is released first: a device may have room for one alone.

    Raises:
        UserError: See `load_onto_device`; the worker cannot continue.
    """
    if number == bench.setup.number:
        return
    began = time.monotonic()
    del bench.embedder, bench.flight
    gc.unfreeze()
    free_caches()
    bench.setup = bench.setup.with_model(number)
    bench.embedder = load_onto_device(bench.setup)
    bench.flight = Prefetch(bench.embedder, bench.busy)
    say_hello(bench, time.monotonic() - began)


def say_hello(bench: WorkerContext, model_seconds: float) -> None:
    """Report that a worker is ready with a model that took so many seconds to load."""
    setup, device = bench.setup, describe(bench.setup.local_device)
    _log.info("ready on %s after %.1f s", device.name, model_seconds)
    bench.queue.hello(
        DeviceFacts(
            device.name,
            device.memory_total,
            bench.load_seconds,
            bench.embedder.sha256,
            setup.threads,
            setup.number,
            model_seconds,
        )
    )


@contextmanager
def at_work(
    setup: WorkerSetup, embedder: Embedder, queue: WorkQueue, load_seconds: float
) -> Iterator[WorkerContext]:
    """Return the worker's context, and report its device's state until the end.

    Args:
        embedder: The model on its device.
        queue: Gets the reports.
        load_seconds: See `WorkerContext`.
    """
    busy = BusyClock()
    over = threading.Event()
    monitor = open_monitor(describe(setup.local_device), setup.threads)
    telemetry = threading.Thread(
        target=_report_telemetry, args=(queue, monitor, busy, over), name="telemetry", daemon=True
    )
    telemetry.start()
    bench = WorkerContext(setup, queue, embedder, busy, Prefetch(embedder, busy), load_seconds)
    # The context alone has the model, which it may have to release.
    del embedder
    yield bench
    over.set()
    telemetry.join()


def _report_telemetry(
    queue: WorkQueue, monitor: DeviceMonitor, busy: BusyClock, over: threading.Event
) -> None:
    """Report now and at every interval until `over` is set, also during a batch."""
    while True:
        queue.telemetry(Telemetry(busy.seconds(), monitor()))
        if over.wait(_TELEMETRY_SECONDS):
            return


def work_until_over(bench: WorkerContext) -> None:
    """Take tasks and return their results until the run is over.

    While a task is computed, the next one's files are read and the last one's outputs written.
    """

    def rules(task: Task) -> ReadingRules:
        return bench.setup.with_model(task.model).reading

    def first(task: Task, records: Sequence[ProteinRecord]) -> tuple[list[str], ...]:
        setup = bench.setup
        if task.model != setup.number or setup.store is not None:
            return ()
        return first_batch(
            records,
            setup.reading,
            setup.settings.batch_tokens,
            dereplicate=setup.settings.dereplicate,
            shared=shared_blocks(setup, bench.embedder.sha256, task.plan),
        )

    ahead = ReadAhead(bench.queue, rules, first)
    behind = WriteBehind(bench.queue)
    with closing(ahead), closing(behind):
        while (task := bench.queue.take(on_empty=behind.check)) is not None:
            files = ahead.files(task)
            change_model(bench, task.model)
            ahead.begin()
            try:
                embedded = embed(bench, task, files, ahead.first_batch)
            except Abandoned:
                _log.info("unit %d epoch %d was withdrawn", task.unit_id, task.epoch)
            else:
                behind.write(embedded)
        behind.wait()
