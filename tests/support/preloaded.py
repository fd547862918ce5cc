"""Workers without the longest part of their start: forked from a process that has imported torch.

The program spawns its workers, and so it does wherever a start is what is looked at. Elsewhere a
test would wait for imports most of the time.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import forkserver
from unittest.mock import patch

from tui_balancer.workers.preflight import messages

_MODULES = ["tui_balancer.workers.process.loop", "tui_balancer.workers.preflight.probe"]


@contextmanager
def preloaded_workers() -> Iterator[None]:
    """Let every process that the program would spawn be forked from one with torch in it."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(_MODULES)
    with patch.object(multiprocessing, "get_context", lambda method: context):
        yield


@contextmanager
def workers_with_a_card() -> Iterator[None]:
    """Let those processes be forked from one that seems to have a card, see `pretended_card`."""
    server = forkserver.ForkServer()
    with (
        patch.object(forkserver, "connect_to_new_process", server.connect_to_new_process),
        patch.object(forkserver, "set_forkserver_preload", lambda modules: None),
        patch.object(messages, "may_have_gpus", lambda: True),
        preloaded_workers(),
    ):
        server.set_forkserver_preload(["tests.support.pretended_card", *_MODULES])
        try:
            yield
        finally:
            server._stop()  # type: ignore[attr-defined]
