"""Measures how fast the devices of this machine embed, each in its own process."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Sequence
from multiprocessing import connection
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from pathlib import Path

from tui_balancer.errors import UserError
from tui_balancer.workers.benchmark.entry import benchmark_main
from tui_balancer.workers.benchmark.messages import (
    BenchmarkMessage,
    BenchmarkTask,
    Measurement,
    Ready,
)
from tui_balancer.workers.preflight.messages import Refused
from tui_balancer.workers.process.spawning import exit_words, spawn


def benchmark(
    tasks: Sequence[BenchmarkTask],
    on_measured: Callable[[Measurement], None],
    log: Path = Path(os.devnull),
) -> tuple[Measurement, ...]:
    """Measure all devices at the same time, as in a run.

    Args:
        tasks: One per device.
        on_measured: Called in this thread after each measurement.
        log: File for the processes' output.

    Returns:
        All measurements, in order of arrival.

    Raises:
        UserError: A device does not work.
    """
    with _processes(tasks, log) as channels:
        for channel, (task, process) in channels.items():
            _received(channel, task, process)
        for channel in channels:
            channel.send(None)
        measured: list[Measurement] = []
        missing = {channel: task.measurements for channel, (task, _) in channels.items()}
        while missing:
            for ready in connection.wait(list(missing)):
                assert isinstance(ready, Connection)
                message = _received(ready, *channels[ready])
                assert isinstance(message, Measurement), "a process says once that it is ready"
                measured.append(message)
                on_measured(message)
                missing[ready] -= 1
                if not missing[ready]:
                    del missing[ready]
    return tuple(measured)


@contextlib.contextmanager
def _processes(
    tasks: Sequence[BenchmarkTask], log: Path
) -> Iterator[dict[Connection, tuple[BenchmarkTask, SpawnProcess]]]:
    """Start a process per task, and end all when the block ends."""
    channels: dict[Connection, tuple[BenchmarkTask, SpawnProcess]] = {}
    try:
        for task in tasks:
            ours, theirs = connection.Pipe()
            process = spawn(benchmark_main, (task, log, theirs), name=f"bench {task.device}")
            theirs.close()
            channels[ours] = (task, process)
        yield channels
    finally:
        for channel, (_, process) in channels.items():
            process.kill()
            process.join()
            channel.close()


def _received(
    channel: Connection, task: BenchmarkTask, process: SpawnProcess
) -> Ready | Measurement:
    """Return a process's next message.

    Raises:
        UserError: The process has refused or ended.
    """
    try:
        message: BenchmarkMessage = channel.recv()
    except EOFError:
        process.join()
        raise UserError(
            f"measuring {task.device} ended early ({exit_words(process.exitcode)})"
        ) from None
    if isinstance(message, Refused):
        raise UserError(f"{task.device}: {message.line}")
    return message
