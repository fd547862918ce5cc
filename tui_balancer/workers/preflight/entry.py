"""Entry point of the preflight process."""

from __future__ import annotations

import logging
from multiprocessing.connection import Connection

from tui_balancer.errors import UserError
from tui_balancer.workers.preflight.messages import PreflightReport, PreflightRequest, Refused


def preflight_main(request: PreflightRequest, channel: Connection) -> None:
    """Check model and devices and send the report; called in a process of its own."""
    answer: PreflightReport | Refused
    try:
        from tui_balancer.workers.preflight.probe import probe

        answer = probe(request, channel)
    except UserError as error:
        answer = Refused(str(error))
    except Exception as error:
        logging.exception("the check of model and devices failed")
        words = " ".join(str(error).split())
        answer = Refused(f"torch does not work here: {type(error).__name__}: {words}")
    channel.send(answer)
