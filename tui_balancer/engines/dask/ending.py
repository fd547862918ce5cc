"""A plugin of the scheduler's: slots end with their app, whatever ended that."""

from __future__ import annotations

from typing import Any

from distributed.diagnostics.plugin import SchedulerPlugin


class SlotEnding(SchedulerPlugin):
    """Ends a run's slots when its app is gone: they would hold their devices for ever."""

    def __init__(self, plugin: str, client: str) -> None:
        self.name = f"{plugin}-ending"
        self._plugin = plugin
        self._client = client

    async def start(self, scheduler: Any) -> None:
        """Begin in the scheduler."""
        self._scheduler = scheduler

    def remove_client(self, scheduler: Any, client: str) -> None:
        """Hear that a client has left, by itself or by `kill -9`."""
        if client == self._client and self._plugin in scheduler.worker_plugins:
            scheduler.loop.add_callback(
                scheduler.unregister_worker_plugin, comm=None, name=self._plugin
            )
