"""How many workers a cluster should have: more while the queues are long, none that is idle."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from distributed.deploy.adaptive import Adaptive

from tui_balancer.engines.dask.slot import AppSlot
from tui_balancer.engines.remote.membership import Membership
from tui_balancer.workers.wire.protocol import WorkerId

FILES_A_WORKER = 8
"""Waiting files that are worth one worker more: it has a model to load first."""

_LOOK_SECONDS = 1.0
_LOOKS = 5
"""So often in a row a worker must be idle before it is let go."""


def wanted_workers(busy: int, waiting: int) -> int:
    """Return how many workers there should be, bounds aside.

    Args:
        busy: Workers that have a file.
        waiting: Files that nobody has.
    """
    return busy + -(-waiting // FILES_A_WORKER)


class QueueScaling(Adaptive):
    """Dask's autoscaling, told by the run's queues what Dask's own, a lease a slot, cannot tell.

    Args:
        cluster: What is scaled.
        wanted: Says how many workers there should be.
        idle: Says which workers have nothing to do, by the names that Dask knows them by.
        release: Takes an idle worker out of the run, by its name; False if it has got a file.
        minimum: Workers that there are at least.
        maximum: Workers that there are at most.
    """

    def __init__(
        self,
        cluster: Any,
        *,
        wanted: Callable[[], int],
        idle: Callable[[], set[str]],
        release: Callable[[str], bool],
        minimum: int,
        maximum: int,
    ) -> None:
        self._wanted = wanted
        self._idle = idle
        self._release = release
        super().__init__(
            cluster,
            minimum=minimum,
            maximum=maximum,
            interval=f"{_LOOK_SECONDS}s",
            wait_count=_LOOKS,
        )

    async def target(self) -> int:
        """Return how many workers there should be."""
        return self._wanted()

    async def workers_to_close(self, target: int) -> list[Any]:
        """Return idle workers beyond those."""
        idle = self._idle()
        spare = [name for name in self.observed if str(name) in idle]
        return spare[: max(0, len(self.observed) - target)]

    async def scale_down(self, workers: list[Any]) -> None:
        """Let go of those that are still idle."""
        released = [name for name in workers if self._release(str(name))]
        await super().scale_down(released)


def follow_queues(
    cluster: Any,
    bounds: tuple[int, int],
    slots: Mapping[WorkerId, AppSlot],
    membership: Membership,
    give_up: Callable[[str, str], bool],
) -> None:
    """Let the number of a cluster's workers follow the queues from now on.

    Args:
        cluster: The run's own.
        bounds: The least and the most workers.
        slots: Those that there are at any moment.
        membership: Knows what waits.
        give_up: Takes a device out of the run, and says why; False if it has got a file.
    """

    def idle() -> set[str]:
        return {slot.report.worker for slot in tuple(slots.values()) if slot.idle}

    def release(worker: str) -> bool:
        return any(
            give_up(slot.worker.device, "not needed for now")
            for slot in tuple(slots.values())
            if slot.report.worker == worker
        )

    least, most = bounds
    cluster.adapt(
        QueueScaling,
        wanted=lambda: wanted_workers(len(slots) - len(idle()), membership.waiting()),
        idle=idle,
        release=release,
        minimum=least,
        maximum=most,
    )
