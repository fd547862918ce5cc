"""Serves the metrics of a run over HTTP, for Prometheus and what understands OpenMetrics."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from tui_balancer.errors import UserError
from tui_balancer.extras import require
from tui_balancer.monitoring.metrics import METRICS, PREFIX
from tui_balancer.view.handle import RunHandle

LOOPBACK: Final = "127.0.0.1"

_ADDRESS: Final = re.compile(r"(?:(?P<host>\[[^\]]+\]|[^:\[\]]+):)?(?P<port>\d{1,5})")


class Address(NamedTuple):
    """Where the metrics are served."""

    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}/metrics"


def parse_address(text: str) -> Address:
    """Return an address of the form `[HOST:]PORT`; the host is this machine alone by default.

    Raises:
        UserError: It is no address.
    """
    found = _ADDRESS.fullmatch(text)
    port = int(found["port"]) if found else -1
    if found is None or not 0 <= port <= 65535:
        raise UserError(f"--metrics {text} is not an address: write it as 9100 or 127.0.0.1:9100")
    return Address((found["host"] or LOOPBACK).strip("[]"), port)


class MetricsServer:
    """Serves metrics in threads of its own; it is there before the run, and says nothing then.

    Args:
        address: Where; port 0 takes a free one.

    Attributes:
        address: Where, with the port that was taken.

    Raises:
        UserError: The library is not installed, or the address cannot be used.
    """

    def __init__(self, address: Address) -> None:
        require("metrics", "--metrics")
        from prometheus_client import CollectorRegistry, start_http_server

        self._run: RunHandle | None = None
        registry = CollectorRegistry(auto_describe=False)
        registry.register(self)
        try:
            self._server, self._thread = start_http_server(
                address.port, address.host, registry=registry
            )
        except OSError as problem:
            reason = problem.strerror or problem
            raise UserError(
                f"cannot serve metrics at {address.host}:{address.port}: {reason}. "
                "Choose another port with --metrics"
            ) from None
        self.address = Address(address.host, self._server.server_port)

    def serve(self, run: RunHandle) -> None:
        """Serve the metrics of this run from now on."""
        self._run = run

    def close(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def collect(self) -> Iterator[Any]:
        """Return the metrics now, as the library asks for them."""
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

        if self._run is None:
            return
        snapshot = self._run.snapshot()
        for metric in METRICS:
            kind = CounterMetricFamily if metric.kind == "counter" else GaugeMetricFamily
            family = kind(f"{PREFIX}_{metric.name}", metric.about, labels=metric.labels)
            for labels, value in metric.read(snapshot):
                family.add_metric(labels, value)
            yield family
