"""Scales a cluster: more workers while the queues are long, no idle ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from distributed.deploy.adaptive import Adaptive

from tui_balancer.engines.dask.slot import AppSlot
from tui_balancer.engines.remote.membership import Membership
from tui_balancer.workers.wire.protocol import WorkerId

FILES_A_WORKER = 8
"""Waiting files per additional worker, which must load a model first."""

_LOOK_SECONDS = 1.0
_LOOKS = 5
"""Consecutive idle checks before a worker is released."""


def wanted_workers(busy: int, waiting: int) -> int:
    """Return the target number of workers, without bounds.

    Args:
        busy: Workers that have a file.
        waiting: Waiting files.
    """
    return busy + -(-waiting // FILES_A_WORKER)


class QueueScaling(Adaptive):
    """Dask's autoscaling, driven by the run's queues: Dask itself sees only one lease per slot.

    Args:
        cluster: The cluster to scale.
        wanted: Returns the target number of workers.
        idle: Returns the idle workers by Dask's names.
        release: Removes an idle worker from the run by name; False if it has a file.
        minimum: Minimum number of workers.
        maximum: Maximum number of workers.
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
        """Return the target number of workers."""
        return self._wanted()

    async def workers_to_close(self, target: int) -> list[Any]:
        """Return idle workers above the target."""
        idle = self._idle()
        spare = [name for name in self.observed if str(name) in idle]
        return spare[: max(0, len(self.observed) - target)]

    async def scale_down(self, workers: list[Any]) -> None:
        """Release those that are still idle."""
        released = [name for name in workers if self._release(str(name))]
        await super().scale_down(released)


def follow_queues(
    cluster: Any,
    bounds: tuple[int, int],
    slots: Mapping[WorkerId, AppSlot],
    membership: Membership,
    give_up: Callable[[str, str], bool],
) -> None:
    """Scale a cluster with the queues from now on.

    Args:
        cluster: The run's cluster.
        bounds: Minimum and maximum number of workers.
        slots: Returns the current slots.
        membership: Returns the number of waiting files.
        give_up: Removes a device from the run with a reason; False if it has a file.
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
