"""The number of workers follows the queues: nobody who has a file is let go."""

from __future__ import annotations

from collections.abc import Iterator
from queue import Queue

import pytest
from distributed import Client, LocalCluster

from tests.support.sessions import DEADLINE_SECONDS
from tui_balancer.engines.dask import scaling
from tui_balancer.engines.dask.scaling import QueueScaling


@pytest.fixture
def two_workers(monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalCluster]:
    """A cluster in the test's own process, looked at often."""
    monkeypatch.setattr(scaling, "_LOOK_SECONDS", 0.02)
    with LocalCluster(
        n_workers=2, threads_per_worker=1, processes=False, dashboard_address=None
    ) as cluster:
        yield cluster


def test_only_idle_workers_that_the_run_releases_are_let_go(two_workers: LocalCluster) -> None:
    asked: list[str] = []
    wanted = [1]
    left: Queue[str] = Queue()
    first, second = (two_workers.workers[number].address for number in range(2))

    def release(worker: str) -> bool:
        # It has got a file just now, when it is asked for the first time.
        asked.append(worker)
        return len(asked) > 1

    def notice(event: tuple[float, object]) -> None:
        if isinstance(event[1], dict) and event[1].get("action") == "remove-worker":
            left.put(event[1]["worker"])

    with Client(two_workers, set_as_default=False) as client:
        client.subscribe_topic("all", notice)
        two_workers.adapt(
            QueueScaling,
            wanted=lambda: wanted[0],
            idle=lambda: {"1"},
            release=release,
            minimum=0,
            maximum=3,
        )
        assert left.get(timeout=DEADLINE_SECONDS) == second
        assert asked == ["1", "1"]
        wanted[0] = 3
        client.wait_for_workers(3, timeout=DEADLINE_SECONDS)
        assert first in client.nthreads()
