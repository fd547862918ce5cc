"""What a run has on a cluster beside its slots: plugins, their words, and workers restarted."""

from __future__ import annotations

import itertools
import logging
import os
import pickle
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from distributed import Client

from tui_balancer.engines.dask.node_check import Look
from tui_balancer.engines.dask.plugin import SlotEnding, SlotPlugin
from tui_balancer.engines.remote.messages import Word
from tui_balancer.errors import one_line

_RESTART_SECONDS = 30.0
"""How long a worker's Nanny may be out of reach before the worker is shut out: as long as Dask
keeps the connection to a node that is cut off."""

_numbers = itertools.count(1)

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Gone:
    """Dask says that a worker's process has left the cluster; `expected` when it was asked to."""

    address: str
    expected: bool


class ClusterLink:
    """Puts a run's plugins on a cluster and passes on what is heard from there.

    Args:
        client: The connection to the scheduler.
        look: What workers that come are asked.
        on_word: Hears each word of the nodes; called in the client's event loop, must not block.
        on_gone: Hears of workers that leave; likewise.

    Attributes:
        name: Of the run's plugin, and of the topic of its words; no other run's.
    """

    def __init__(
        self,
        client: Client,
        look: Look,
        on_word: Callable[[Word], None],
        on_gone: Callable[[Gone], None],
    ) -> None:
        self.name = f"tui_balancer-{os.getpid()}x{next(_numbers)}"
        self._client = client
        self._look = look
        self._on_word = on_word
        self._on_gone = on_gone
        self._opened = False

    @property
    def up(self) -> bool:
        """Whether the scheduler is there."""
        return self._client.status in ("running", "newly-created")

    def open(self) -> str:
        """Have every worker, and each that comes later, say that it is there.

        Returns:
            Why the cluster cannot be used; nothing if it can.
        """
        self._opened = True
        self._client.subscribe_topic(self.name, self._hear)
        self._client.subscribe_topic("all", self._notice)
        try:
            self._client.register_plugin(SlotEnding(self.name, self._client.id), self._ending)
        except Exception as problem:
            # A scheduler may live in an environment of its own.
            _log.info("slots will outlive this process if it is killed: %s", problem)
        try:
            self._client.register_plugin(SlotPlugin(self.name, self._look), self.name)
        except Exception as problem:
            _log.exception("the cluster does not take the run's plugin")
            return f"the cluster cannot be used: {one_line(problem)}"
        return ""

    def restart(self, address: str) -> None:
        """Have a worker's Nanny kill it and start another; without one it is shut out."""

        async def restart() -> None:
            try:
                await self._client._restart_workers(
                    [address], timeout=_RESTART_SECONDS, raise_for_error=False
                )
            except Exception as problem:
                _log.info("%s cannot be restarted: %s", address, problem)
                await self._client.scheduler.unregister(
                    address=address, stimulus_id="tui-balancer-hang"
                )

        self._client.loop.add_callback(restart)

    def close(self, timeout: float) -> None:
        """Take the run's plugins away, as far as there still is somebody to tell.

        Args:
            timeout: Seconds that each step may take.
        """
        if self._client.status != "running" or not self._opened:
            return
        try:
            for topic in (self.name, "all"):
                self._client.unsubscribe_topic(topic)
            self._client.sync(
                self._client._unregister_worker_plugin, self.name, callback_timeout=timeout
            )
            self._client.sync(
                self._client.scheduler.unregister_scheduler_plugin,
                name=self._ending,
                callback_timeout=timeout,
            )
        except Exception as problem:
            _log.info("the run's plugins stay: %s", problem)

    @property
    def _ending(self) -> str:
        """The name of the scheduler's plugin."""
        return f"{self.name}-ending"

    def _hear(self, event: tuple[float, bytes]) -> None:
        """Take in words of the nodes."""
        words: tuple[Word, ...] = pickle.loads(event[1])
        for word in words:
            self._on_word(word)

    def _notice(self, event: tuple[float, Any]) -> None:
        """Notice workers that leave."""
        _, news = event
        if isinstance(news, dict) and news.get("action") == "remove-worker":
            self._on_gone(Gone(news["worker"], bool(news.get("expected"))))
