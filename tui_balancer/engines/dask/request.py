"""Which cluster a run is to compute on, as it was asked for. Imports no dask."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tui_balancer.engines.engine import EngineRequest
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
"""Batch systems by the names that `--cluster` takes, and what dask-jobqueue calls them."""

DEFAULT_WORKERS = 1
"""How many a batch system is asked for, and how many hosts or a scheduler must have at least."""

MOST_CLUSTER_WORKERS = 10_000
"""How many a batch system is asked for at most."""


@dataclass(frozen=True, slots=True)
class Tls:
    """Certificate files, as Dask has them; shared by scheduler, workers and this process.

    Attributes:
        ca_file: Of the authority that signed the certificates.
        cert: This side's certificate.
        key: Its private key.
    """

    ca_file: Path
    cert: Path
    key: Path


@dataclass(frozen=True, slots=True)
class ClusterRequest(EngineRequest):
    """A Dask cluster to compute on; exactly one of the first four options says which.

    Attributes:
        engine: Dask.
        scheduler: Address of one that runs already.
        local: Workers of one that is started on this machine.
        jobs: Name of a batch system whose jobs are the workers: `slurm`, `pbs`, `sge`, `lsf`, …
        hosts: Machines to start one on over ssh; the first one has the scheduler, too.
        config: File in dask-jobqueue's format that describes a job.
        workers: How many to ask the batch system for; None where `adapt` says it.
        adapt: Least and most workers, between which their number follows the queues.
        tls: Certificates; None for what suits the kind of cluster.
        expected_workers: How many must be there before the run begins; None for what suits the
            kind of cluster.
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
        """How many workers there should be before the run begins; more may come later."""
        if self.expected_workers is not None:
            return self.expected_workers
        if self.adapt is not None:
            return max(1, self.adapt[0])
        return self.local or len(self.hosts) or DEFAULT_WORKERS


def parse_bounds(text: str) -> tuple[int, int]:
    """Read what a person wrote for `--adapt`.

    Raises:
        UserError: It is not two numbers of which the first is the smaller.
    """
    least, _, most = text.partition(":")
    try:
        bounds = int(least), int(most)
    except ValueError:
        bounds = (0, 0)
    if not 0 <= bounds[0] <= bounds[1] <= MOST_CLUSTER_WORKERS or bounds[1] < 1:
        raise UserError(f"--adapt {text!r}: write the least and the most workers, such as 0:16")
    return bounds
