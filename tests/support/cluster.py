"""Real Dask clusters on loopback: a scheduler, and nodes with two workers each."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import psutil

from tests.support.sessions import DEADLINE_SECONDS
from tui_balancer.config import RunSettings
from tui_balancer.engines.dask_plugin import NODE_VARIABLE
from tui_balancer.engines.dask_request import ClusterRequest
from tui_balancer.run.prepare import prepare
from tui_balancer.run.session import RunSession

REPOSITORY = Path(__file__).parents[2]
WORKERS = 2
"""Of a node."""


class Processes:
    """A scheduler and nodes, each a process of its own, gone at the end.

    Attributes:
        folder: For their files.
        address: Of the scheduler.
        nodes: The processes of the nodes (their Nannies) by name.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        with closing(socket.create_server(("127.0.0.1", 0))) as free:
            port = free.getsockname()[1]
        self.address = f"tcp://127.0.0.1:{port}"
        self.nodes: dict[str, subprocess.Popen[bytes]] = {}
        self.scheduler = self._start(
            "scheduler",
            ["distributed.cli.dask_scheduler", "--host", self.address, "--no-dashboard"],
        )

    def add_node(self, name: str, number: int, workers: int = WORKERS) -> None:
        """Start a node; it has a loopback address of its own."""
        self.nodes[name] = self._start(
            name,
            [
                "tests.support.dask_node",
                self.address,
                *("--host", f"127.0.0.{number}"),
                *("--nworkers", str(workers), "--nthreads", "2", "--name", name),
                *("--no-dashboard", "--memory-limit", "0"),
                *("--local-directory", str(self.folder)),
            ],
            **{NODE_VARIABLE: name},
        )

    def kill_node(self, name: str) -> None:
        """Kill a node's Nannies; their workers end with them."""
        process = self.nodes.pop(name)
        process.kill()
        process.wait()

    def kill_scheduler(self) -> None:
        """Kill the scheduler."""
        self.scheduler.kill()
        self.scheduler.wait()

    def close(self) -> None:
        """End everything."""
        for process in (*self.nodes.values(), self.scheduler):
            children = []
            if process.poll() is None:
                children = psutil.Process(process.pid).children(recursive=True)
            process.kill()
            process.wait()
            for child in children:
                with_suppress_kill(child)

    def _start(self, name: str, module: list[str], **variables: str) -> subprocess.Popen[bytes]:
        with (self.folder / f"{name}.log").open("wb") as log:
            return subprocess.Popen(
                [sys.executable, "-m", *module],
                cwd=REPOSITORY,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=os.environ | variables,
                start_new_session=True,
            )


def with_suppress_kill(child: psutil.Process) -> None:
    """Kill a process that may be gone."""
    try:
        child.send_signal(signal.SIGKILL)
    except psutil.NoSuchProcess:
        return


def session_on(
    cluster: ClusterRequest, inputs: Path, checkpoint: Path, output: Path, **settings: object
) -> RunSession:
    """Return a run of single-threaded slots in small batches that has not begun."""
    usual = {"devices": "cpu", "cpu_threads": 1, "batch_tokens": 256}
    return RunSession(
        prepare(
            RunSettings(
                inputs=(str(inputs),),
                output=output,
                model=str(checkpoint),
                cluster=cluster,
                **(usual | settings),  # type: ignore[arg-type]
            )
        )
    )


def states(run: RunSession) -> dict[str, str]:
    """Return what each device is doing."""
    return {row.device: row.state.value for row in run.coordinator.get_gpu_metrics()}


def wait_until(run: RunSession, condition: Callable[[], bool]) -> None:
    """Wait until something holds; the run tells of every change."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, states(run)
        assert not run.wait(0), f"the run ended before: {run.summary()}"
        run.coordinator.wait(timeout=0.05)


def lines(run: RunSession) -> Iterator[str]:
    """Yield what was told about devices and to people."""
    for event in run.events_after(0):
        text = getattr(event, "reason", "") or getattr(event, "text", "")
        yield f"{getattr(event, 'device', '')} {text}".strip()
