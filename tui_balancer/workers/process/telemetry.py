"""What a worker says about its device, about once a second, also while a batch is in flight."""

from __future__ import annotations

import threading

from tui_balancer.devices.monitoring import DeviceMonitor
from tui_balancer.samples import Telemetry
from tui_balancer.workers.process.busy import BusyClock
from tui_balancer.workers.wire.queues import WorkQueue

INTERVAL_SECONDS = 1.0


def report_telemetry(
    queue: WorkQueue, monitor: DeviceMonitor, busy: BusyClock, over: threading.Event
) -> None:
    """Report at once and then every interval until `over` is set; a thread's target."""
    while True:
        queue.telemetry(Telemetry(busy.seconds(), monitor.sample()))
        if over.wait(INTERVAL_SECONDS):
            return
