"""The requested cluster of a run. Imports no dask."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tui_balancer.engines.request import EngineRequest
from tui_balancer.errors import UserError

DASK = "dask"
"""Name of the engine."""

JOB_KINDS = {
    "slurm": "SLURMCluster",
    "pbs": "PBSCluster",
    "sge": "SGECluster",
    "lsf": "LSFCluster",
    "oar": "OARCluster",
    "moab": "MoabCluster",
    "htcondor": "HTCondorCluster",
}
"""Batch systems by their names in `--cluster`, with dask-jobqueue's names."""

DEFAULT_WORKERS = 1
"""Default number of jobs, and minimum number of workers of hosts or a scheduler."""

MOST_CLUSTER_WORKERS = 10_000
"""Maximum number of jobs."""


@dataclass(frozen=True, slots=True)
class Tls:
    """Certificate files, as in Dask; shared by scheduler, workers and this process.

    Attributes:
        ca_file: Certificate of the authority that signed the others.
        cert: This side's certificate.
        key: Its private key.
    """

    ca_file: Path
    cert: Path
    key: Path


@dataclass(frozen=True, slots=True)
class ClusterRequest(EngineRequest):
    """A Dask cluster; exactly one of the first four options selects it.

    Attributes:
        engine: Dask.
        scheduler: Address of a running scheduler.
        local: Number of workers of a new cluster on this machine.
        jobs: Name of a batch system whose jobs are the workers: `slurm`, `pbs`, `sge`, `lsf`, …
        hosts: Machines to start one on over ssh; the first also gets the scheduler.
        config: File in dask-jobqueue's format that describes a job.
        workers: Number of jobs; None with `adapt`.
        adapt: Minimum and maximum number of workers, which follows the queues.
        tls: Certificates; None for the default of the kind of cluster.
        expected_workers: Workers that must join before the run starts; None for the default of
            the kind of cluster.
    """

    engine: str = DASK
    scheduler: str | None = None
    local: int | None = None
    jobs: str | None = None
    hosts: tuple[str, ...] = ()
    config: Path | None = None
    workers: int | None = None
    adapt: tuple[int, int] | None = None
    tls: Tls | None = None
    expected_workers: int | None = None

    @property
    def expected(self) -> int:
        """Number of workers before the run starts; more may join later."""
        if self.expected_workers is not None:
            return self.expected_workers
        if self.adapt is not None:
            return max(1, self.adapt[0])
        return self.local or len(self.hosts) or DEFAULT_WORKERS


def parse_bounds(text: str) -> tuple[int, int]:
    """Parse `--adapt`.

    Raises:
        UserError: It is not two increasing numbers.
    """
    least, _, most = text.partition(":")
    try:
        bounds = int(least), int(most)
    except ValueError:
        bounds = (0, 0)
    if not 0 <= bounds[0] <= bounds[1] <= MOST_CLUSTER_WORKERS or bounds[1] < 1:
        raise UserError(
            f"--adapt {text!r}: give the minimum and maximum number of workers, such as 0:16"
        )
    return bounds
