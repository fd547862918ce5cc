"""The options that select where a run computes: this machine or a cluster."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Group, Parameter

from tui_balancer.cli.declarations import whole
from tui_balancer.cli.options import MOST_WORKERS
from tui_balancer.engines.dask.request import (
    DASK,
    DEFAULT_WORKERS,
    JOB_KINDS,
    MOST_CLUSTER_WORKERS,
    ClusterRequest,
    Tls,
    parse_bounds,
)
from tui_balancer.engines.request import EngineRequest
from tui_balancer.engines.table import ENGINES
from tui_balancer.errors import UserError
from tui_balancer.settings import overlaid

if TYPE_CHECKING:
    EngineName = str
else:
    EngineName = Literal[tuple(ENGINES)]

_HELP = " ".join(
    f"{one.name}{'' if one.module else ' (default)'}: {one.words}." for one in ENGINES.values()
)

CLUSTER = Group("Beyond this machine", sort_key=7)


@Parameter(name="*", group=CLUSTER)
@dataclass(frozen=True)
class ClusterOptions:
    """Where the run computes."""

    engine: Annotated[EngineName | None, Parameter(help=_HELP)] = None

    scheduler: str | None = None
    """Address of a running Dask scheduler: tcp://head:8786, tls://head:8786."""

    local: Annotated[int | None, whole(1, MOST_WORKERS)] = None
    """Start a Dask cluster with this many workers on this machine, to try it out."""

    cluster: Annotated[
        str | None,
        Parameter(help=f"Start workers as jobs of a batch system: {', '.join(JOB_KINDS)}."),
    ] = None

    hosts: str | None = None
    """Start a Dask cluster over ssh on these machines, separated by commas: one worker on each,
    two on one that is named twice, the scheduler on the first."""

    # TUI_BALANCER_CONFIG is the path of the configuration file.
    config: Annotated[Path | None, Parameter(env_var="TUI_BALANCER_CLUSTER_CONFIG")] = None
    """With --cluster: a file in dask-jobqueue's format (jobqueue: slurm: cores: …)."""

    workers: Annotated[
        int | None,
        whole(
            1,
            MOST_CLUSTER_WORKERS,
            help=f"With --cluster: number of workers (default: {DEFAULT_WORKERS}).",
        ),
    ] = None

    adapt: str | None = None
    """With --cluster or --local: MIN:MAX workers, more while the queues are long, fewer when
    some are idle."""

    tls_ca_file: Path | None = None
    """Certificate of the certificate authority, as in Dask; with --tls-cert and --tls-key."""

    tls_cert: Path | None = None
    """This side's certificate; every side's on a cluster that the run starts."""

    tls_key: Path | None = None
    """Private key of --tls-cert."""

    def request(self) -> EngineRequest | None:
        """Return where to compute; None for this machine.

        Raises:
            UserError: Options contradict each other, or one is missing.
        """
        kinds = {
            "--scheduler": self.scheduler,
            "--local": self.local,
            "--cluster": self.cluster,
            "--hosts": self.hosts,
        }
        given = [name for name, value in kinds.items() if value is not None]
        if self.engine not in (None, DASK) and given:
            raise UserError(f"{given[0]} needs --engine {DASK}")
        if self.engine == DASK and not given:
            raise UserError(f"--engine {DASK} needs one of {', '.join(kinds)}")
        if len(given) > 1:
            raise UserError(f"{given[0]} and {given[1]} name two clusters: use one of them")
        kind = given[0] if given else ""
        self._check_belonging(kind)
        if not kind:
            if self.engine is None or not ENGINES[self.engine].module:
                return None
            return EngineRequest(self.engine)
        return overlaid(
            ClusterRequest(),
            self,
            # An empty address is a mistake, not this machine.
            scheduler=self.scheduler,
            jobs=self.cluster,
            hosts=tuple(host.strip() for host in (self.hosts or "").split(",") if host.strip()),
            adapt=parse_bounds(self.adapt) if self.adapt is not None else None,
            tls=self._tls(),
        )

    def _check_belonging(self, kind: str) -> None:
        """Refuse an option that has no effect for this kind of cluster."""
        belonging: dict[str, tuple[object, tuple[str, ...]]] = {
            "--config": (self.config, ("--cluster",)),
            "--workers": (self.workers, ("--cluster",)),
            "--adapt": (self.adapt, ("--cluster", "--local")),
            "--tls-ca-file": (self.tls_ca_file, ("--scheduler", "--local", "--cluster", "--hosts")),
        }
        for name, (value, kinds) in belonging.items():
            if value is not None and kind not in kinds:
                raise UserError(f"{name} needs {' or '.join(kinds)}")
        if self.workers is not None and self.adapt is not None:
            raise UserError("--workers and --adapt both set the number of workers: use one of them")

    def _tls(self) -> Tls | None:
        if self.tls_ca_file is None and self.tls_cert is None and self.tls_key is None:
            return None
        if self.tls_ca_file is None or self.tls_cert is None or self.tls_key is None:
            raise UserError(
                "--tls-ca-file, --tls-cert and --tls-key belong together: give all three"
            )
        return Tls(self.tls_ca_file, self.tls_cert, self.tls_key)
