"""A Dask cluster that passed the checks for a run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tui_balancer.engines.dask.cluster import DaskCluster
from tui_balancer.engines.dask.engine import DaskEngine
from tui_balancer.engines.dask.node_check import Look
from tui_balancer.engines.engine import OnExit, SetupFor
from tui_balancer.engines.remote.membership import Membership
from tui_balancer.engines.remote.nodes import Nodes
from tui_balancer.workers.wire.protocol import WorkerApi


@dataclass(frozen=True, slots=True)
class ClusterAccess:
    """See `EngineAccess`.

    Attributes:
        cluster: To compute on.
        nodes: Knows which worker has which device.
        look: What workers that come later are asked, too.
    """

    cluster: DaskCluster
    nodes: Nodes
    look: Look

    def engine(
        self,
        devices: Sequence[str],
        board: WorkerApi,
        setup_for: SetupFor,
        on_exit: OnExit,
        membership: Membership,
    ) -> DaskEngine:
        """See `EngineAccess.engine`; the workers say themselves which devices they are."""
        parts = (self.cluster, self.nodes, self.look)
        return DaskEngine(*parts, board, setup_for, on_exit, membership)

    def close(self) -> None:
        """See `EngineAccess.close`."""
        self.cluster.close()
