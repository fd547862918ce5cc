"""A run's plugins on a cluster: their messages, and restarts of workers."""

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
"""Seconds a worker's Nanny may be unreachable before the worker is excluded: as long as Dask keeps
the connection to a node that is cut off."""

_numbers = itertools.count(1)

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Gone:
    """Dask reports that a worker's process has left the cluster; `expected` if it was asked to."""

    address: str
    expected: bool


class ClusterLink:
    """Installs a run's plugins on a cluster and forwards their messages.

    Args:
        client: The connection to the scheduler.
        look: The check of workers that join.
        on_word: Called with each message of the nodes in the client's event loop; must not block.
        on_gone: Called with workers that leave; likewise.

    Attributes:
        name: Unique name of the run's plugin and of its topic.
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
        """Whether the scheduler is connected."""
        return self._client.status in ("running", "newly-created")

    def open(self) -> str:
        """Make every worker, and each that joins later, register itself.

        Returns:
            Why the cluster cannot be used; empty if it can.
        """
        self._opened = True
        self._client.subscribe_topic(self.name, self._hear)
        self._client.subscribe_topic("all", self._notice)
        try:
            self._client.register_plugin(SlotEnding(self.name, self._client.id), self._ending)
        except Exception as problem:
            # A scheduler may have its own environment.
            _log.info("slots will not end if this process is killed: %s", problem)
        try:
            self._client.register_plugin(SlotPlugin(self.name, self._look), self.name)
        except Exception as problem:
            _log.exception("the cluster does not accept the run's plugin")
            return f"the cluster cannot be used: {one_line(problem)}"
        return ""

    def restart(self, address: str) -> None:
        """Make a worker's Nanny kill it and start another; without a Nanny it is excluded."""

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
        """Remove the run's plugins from all reachable processes.

        Args:
            timeout: Maximum seconds for each step.
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
            _log.info("the run's plugins are not removed: %s", problem)

    @property
    def _ending(self) -> str:
        """The name of the scheduler's plugin."""
        return f"{self.name}-ending"

    def _hear(self, event: tuple[float, bytes]) -> None:
        """Handle messages of the nodes."""
        words: tuple[Word, ...] = pickle.loads(event[1])
        for word in words:
            self._on_word(word)

    def _notice(self, event: tuple[float, Any]) -> None:
        """Handle workers that leave."""
        _, news = event
        if isinstance(news, dict) and news.get("action") == "remove-worker":
            self._on_gone(Gone(news["worker"], bool(news.get("expected"))))
