"""Real Dask clusters: a scheduler, and nodes with two workers each."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil

from tests.support.flat_settings import flat_settings
from tests.support.network import Network, Place, Switch, free_port
from tui_balancer.engines.dask.node_check import NODE_VARIABLE
from tui_balancer.engines.dask.request import ClusterRequest
from tui_balancer.run.live.session import RunSession
from tui_balancer.run.prepare.prepare import prepare
from tui_balancer.scheduler.events import WarningEvent

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

    def __init__(self, folder: Path, network: Network) -> None:
        self.folder = folder
        self._network = network
        self._places: dict[str, Place] = {}
        self.address = f"tcp://{network.here}:{free_port(network.here)}"
        self.nodes: dict[str, subprocess.Popen[bytes]] = {}
        self.scheduler = self._start(
            "scheduler", ["scheduler", "--host", self.address, "--no-dashboard"]
        )

    def add_node(self, name: str, workers: int = WORKERS) -> None:
        """Start a node, in its place if it had one."""
        place = self._places.get(name) or self._network.join(name)
        self._places[name] = place
        self.nodes[name] = self._start(
            name,
            [
                *("worker", self.address, "--host", place.address),
                *("--nworkers", str(workers), "--nthreads", "2", "--name", name),
                *("--no-dashboard", "--memory-limit", "0"),
                *("--local-directory", str(self.folder)),
            ],
            place.entrance,
            **{NODE_VARIABLE: name},
        )

    def kill_node(self, name: str) -> None:
        """Kill a node's Nannies; their workers end with them."""
        process = self.nodes.pop(name)
        process.kill()
        process.communicate()

    def cut_off(self, name: str) -> None:
        """Pull a node's cable out; where it has none, hold all of its processes still."""
        if isinstance(self._network, Switch):
            self._network.cut(name)
        else:
            for process in self._workers(name):
                process.suspend()

    def connect(self, name: str) -> None:
        """Connect a node again that was cut off."""
        if isinstance(self._network, Switch):
            self._network.mend(name)
        else:
            for process in self._workers(name):
                process.resume()

    def kill_scheduler(self) -> None:
        """Kill the scheduler."""
        self.scheduler.kill()
        self.scheduler.communicate()

    def close(self) -> None:
        """End everything."""
        for name, process in self.nodes.items():
            children = self._workers(name)
            process.kill()
            process.communicate()
            for child in children:
                with suppress(psutil.NoSuchProcess):
                    child.kill()
        self.kill_scheduler()

    def _workers(self, name: str) -> list[psutil.Process]:
        """Return the processes that a node's Nannies have started."""
        with suppress(psutil.NoSuchProcess):
            return psutil.Process(self.nodes[name].pid).children(recursive=True)
        return []

    def _start(
        self, name: str, arguments: list[str], entrance: tuple[str, ...] = (), **variables: str
    ) -> subprocess.Popen[bytes]:
        with (self.folder / f"{name}.log").open("ab") as log:
            return subprocess.Popen(
                [*entrance, sys.executable, "-m", "tests.support.dask_node", *arguments],
                cwd=REPOSITORY,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                env=os.environ | variables,
                start_new_session=True,
            )


def session_on(
    cluster: ClusterRequest, inputs: Path, checkpoint: Path, output: Path, **settings: object
) -> RunSession:
    """Return a run of single-threaded slots in small batches that has not begun."""
    usual = {"devices": "cpu", "cpu_threads": 1, "batch_tokens": 256}
    return RunSession(
        prepare(
            flat_settings(
                inputs=(str(inputs),),
                output=output,
                model=str(checkpoint),
                cluster=cluster,
                **(usual | settings),
            )
        )
    )


def states(run: RunSession) -> dict[str, str]:
    """Return what each device is doing."""
    return {row.device: row.state.value for row in run.coordinator.get_gpu_metrics()}


def lines(run: RunSession) -> Iterator[str]:
    """Yield what was told about devices and to people."""
    for event in run.events_after(0):
        text = getattr(event, "reason", "") or getattr(event, "text", "")
        if isinstance(event, WarningEvent):
            text = event.notice.text
        yield f"{getattr(event, 'device', '')} {text}".strip()
