"""Checks nodes: their devices, and their view of shared files.

`look_around` runs in the processes of the nodes, `look_at_nodes` asks for it.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import socket
import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from distributed import Worker

from tui_balancer.devices.info import DeviceInfo
from tui_balancer.devices.processor import describe_processor, usable_cores
from tui_balancer.embedding.settings import Precision
from tui_balancer.engines.engine import OnWorkers
from tui_balancer.engines.remote.messages import NodeReport
from tui_balancer.errors import UserError
from tui_balancer.extras import versions

if TYPE_CHECKING:
    # Nodes import this module too, and start no clusters.
    from tui_balancer.engines.dask.cluster import DaskCluster

NODE_VARIABLE = "TUI_BALANCER_NODE"
"""Environment variable with the name of a node, instead of its host name."""

VISIBLE_SECONDS = 10.0
"""Seconds that a shared file system may take to show a new file to a node."""

_LOOK_SECONDS = 0.5

_TOKEN_SUFFIX = ".cluster"

WORKERS_SECONDS = 600.0
"""Seconds that the first workers may take to join: a batch system has other jobs too."""


@dataclass(frozen=True, slots=True)
class Look:
    """The check that a node runs.

    Attributes:
        token: A new file in the run folder.
        content: Its expected content: the same path on another disk is another folder.
        paths: Required paths, each with its size in bytes, or -1 for a folder.
        processor_only: Whether to ignore GPUs.
        measured: Number format to measure on the CPU; None for none.
    """

    token: Path
    content: str
    paths: tuple[tuple[Path, int], ...]
    processor_only: bool
    measured: Precision | None = None


def look_around(look: Look, worker: Worker) -> NodeReport:
    """Return the report of a worker's process; import torch if GPUs or speed matter."""
    devices: tuple[DeviceInfo, ...] = (describe_processor(),)
    if not look.processor_only:
        from tui_balancer.devices.discovery import discover

        devices = discover()
    if look.measured is not None:
        from tui_balancer.workers.benchmark.measure import with_relative_speed

        devices = with_relative_speed(devices, look.measured)
    return NodeReport(
        address=worker.address,
        worker=_name(worker),
        node=os.environ.get(NODE_VARIABLE) or socket.gethostname().partition(".")[0],
        pid=os.getpid(),
        versions=versions(),
        unseen=tuple(_unseen(look)),
        devices=devices,
        cores=usable_cores(),
    )


def _name(worker: Worker) -> str:
    """Return a name that a worker keeps when its Nanny restarts it.

    Dask's default name is the address, which changes then.
    """
    unnamed = worker.name == worker.address
    return str(worker.nanny if unnamed and worker.nanny else worker.name)


async def look_here(look: Look, dask_worker: Worker) -> NodeReport:
    """Return the report of a worker's process; `Client.run` runs it there."""
    return await asyncio.to_thread(look_around, look, dask_worker)


def _unseen(look: Look) -> list[str]:
    """Return the paths that are missing or differ, each with the reason."""
    deadline = time.monotonic() + VISIBLE_SECONDS
    while problem := _token_problem(look):
        if time.monotonic() > deadline:
            return [f"{look.token.parent} ({problem})"]
        time.sleep(_LOOK_SECONDS)
    unseen = []
    for path, size in look.paths:
        try:
            found = path.stat().st_size
        except OSError as error:
            unseen.append(f"{path} ({error.strerror})")
        else:
            if size >= 0 and found != size:
                unseen.append(f"{path} ({found:,} bytes, not {size:,})")
    return unseen


def _token_problem(look: Look) -> str:
    try:
        content = look.token.read_text()
    except OSError as error:
        return error.strerror or str(error)
    if content != look.content:
        return "another folder of that name"
    return "" if os.access(look.token.parent, os.W_OK) else "it cannot be written"


def sweep_tokens(token: Path) -> None:
    """Remove the tokens of killed apps next to this one.

    The caller holds the folder's lock, so no other token is in use.
    """
    for left in token.parent.glob(f".????????{_TOKEN_SUFFIX}"):
        if left != token:
            left.unlink(missing_ok=True)


def look_at_nodes(
    cluster: DaskCluster,
    folder: Path,
    paths: Iterable[Path],
    *,
    processor_only: bool,
    measured: Precision | None,
    on_workers: OnWorkers,
) -> tuple[Look, tuple[NodeReport, ...]]:
    """Wait for the first workers and check each.

    Args:
        folder: The run folder; it is created and gets a token.
        paths: Files and folders that every node must see.
        processor_only: Whether GPUs do not matter.
        measured: See `Look`; workers that join later are not measured.
        on_workers: Called with the number of workers.

    Returns:
        The check, for workers that join later too, and the reports.

    Raises:
        UserError: No worker joined, or one cannot answer.
    """
    token = cluster.token = folder / f".{secrets.token_hex(4)}{_TOKEN_SUFFIX}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        token.write_text(token.name)
    except OSError as problem:
        raise UserError(
            f"cannot write the run folder {folder}: {problem.strerror}; choose another with "
            "--output"
        ) from problem
    look = Look(
        token=token,
        content=token.name,
        paths=tuple((path, path.stat().st_size if path.is_file() else -1) for path in paths),
        processor_only=processor_only,
    )
    _await_workers(cluster, on_workers)
    first = replace(look, measured=measured)
    answers: dict[str, Any] = cluster.client.run(look_here, first, on_error="return")
    return look, tuple(_report(address, answer) for address, answer in sorted(answers.items()))


def _await_workers(cluster: DaskCluster, on_workers: OnWorkers) -> None:
    """Wait for the workers that the run starts with."""
    expected, waited = cluster.request.expected, 0.0
    while True:
        there = len(cluster.client.nthreads())
        on_workers(there, expected)
        if there >= expected:
            return
        if waited >= WORKERS_SECONDS:
            if there:
                return
            raise UserError(f"no worker has joined {cluster.address} for {waited / 60:.0f} minutes")
        try:
            cluster.client.wait_for_workers(there + 1, timeout=_LOOK_SECONDS)
        except TimeoutError:
            waited += _LOOK_SECONDS


def _report(address: str, answer: object) -> NodeReport:
    if isinstance(answer, NodeReport):
        return answer
    if isinstance(answer, ModuleNotFoundError):
        raise UserError(
            f"the node of the worker {address} has no {answer.name}: install the same tui-balancer "
            "in the environment of its Dask workers"
        )
    raise UserError(f"the node of the worker {address} cannot be used: {answer}")
