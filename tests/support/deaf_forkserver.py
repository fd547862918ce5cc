"""Imported by the process that a test's Dask workers are forked from: SIGTERM is not for it.

It belongs to the node's group as the workers do, and they end abruptly with it. Real nodes spawn
their workers and have no such process; workers themselves leave SIGTERM to their Nanny.
"""

from __future__ import annotations

import signal

signal.signal(signal.SIGTERM, signal.SIG_IGN)
