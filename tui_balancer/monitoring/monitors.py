"""What follows a run from its start to its end: the notifier and the metrics server."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from tui_balancer.monitoring.metrics_server import Address, MetricsServer
from tui_balancer.view.handle import RunHandle

if TYPE_CHECKING:
    from types import TracebackType

_log = logging.getLogger(__name__)


class Monitors:
    """Follows one run; a context manager that takes the port first and ends after the run.

    Args:
        notify: The notification command; empty for none.
        metrics: Where metrics are served; None for nowhere.

    Attributes:
        address: Where they are served, once inside the context.
    """

    def __init__(self, notify: str = "", metrics: Address | None = None) -> None:
        self._notify = notify
        self._metrics = metrics
        self._server: MetricsServer | None = None
        self._notifier: threading.Thread | None = None

    def __enter__(self) -> Monitors:
        """Take the port.

        Raises:
            UserError: It cannot be taken, or the library for metrics is not installed.
        """
        if self._metrics is not None:
            self._server = MetricsServer(self._metrics)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Wait for the last notification, and free the port."""
        if self._notifier is not None:
            self._notifier.join()
        if self._server is not None:
            self._server.close()

    @property
    def address(self) -> Address | None:
        """See the class."""
        return None if self._server is None else self._server.address

    def follow(self, run: RunHandle, wait: Callable[[float], bool]) -> None:
        """Follow a run that has just started; return at once.

        Args:
            wait: Waits for its end for at most this many seconds; True if it has ended.
        """
        if self._server is not None:
            self._server.serve(run)
        if self._notify:
            self._notifier = threading.Thread(
                target=self._send, args=(run, wait), name="notifier", daemon=True
            )
            self._notifier.start()

    def _send(self, run: RunHandle, wait: Callable[[float], bool]) -> None:
        from tui_balancer.monitoring.notifier import Notifier

        try:
            Notifier(run, self._notify).watch(wait)
        except Exception:
            _log.exception("no more notifications: an error of this program")
