"""Where the preflight process begins."""

from __future__ import annotations

import logging
from multiprocessing.connection import Connection
from pathlib import Path

from tui_balancer.errors import UserError
from tui_balancer.gc_pause import collector_paused
from tui_balancer.workers.preflight.messages import PreflightReport, PreflightRequest, Refused
from tui_balancer.workers.process.detach import detach


def preflight_main(request: PreflightRequest, log: Path, channel: Connection) -> None:
    """Look at model and devices and send what there is to say: what `preflight` spawns."""
    detach(log)
    answer: PreflightReport | Refused
    try:
        with collector_paused():
            from tui_balancer.workers.preflight.probe import probe

        answer = probe(request, channel)
    except UserError as error:
        answer = Refused(str(error))
    except Exception as error:
        logging.exception("the look at model and devices failed")
        words = " ".join(str(error).split())
        answer = Refused(f"torch does not work here: {type(error).__name__}: {words}")
    channel.send(answer)
