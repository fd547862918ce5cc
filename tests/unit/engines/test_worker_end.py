"""How a worker ended, and who may be to blame for that."""

from __future__ import annotations

import signal

import pytest

from tui_balancer.engines.worker_end import Cause, WorkerEnd, end_of
from tui_balancer.process.stop_signals import GROUP_SIGNALS


@pytest.mark.parametrize(
    ("exitcode", "cause"),
    [
        (0, Cause.LEFT),
        (1, Cause.FAILED),
        (None, Cause.FAILED),
        (-signal.SIGSEGV, Cause.CRASHED),
        (-signal.SIGABRT, Cause.CRASHED),
        (-signal.SIGKILL, Cause.KILLED),
        (-signal.SIGPROF, Cause.SIGNALLED),
        (-64, Cause.SIGNALLED),
        *((-number, Cause.SIGNALLED) for number in GROUP_SIGNALS),
    ],
)
def test_an_exit_code_tells_the_cause(exitcode: int | None, cause: Cause) -> None:
    assert end_of(exitcode, "words").cause is cause


def test_only_what_a_file_can_do_is_charged_to_it() -> None:
    blamed = {cause for cause in Cause if WorkerEnd(cause).may_blame}
    assert blamed == {
        Cause.NOT_STARTED,
        Cause.FAILED,
        Cause.CRASHED,
        Cause.KILLED,
        Cause.HUNG,
        Cause.LOST,
    }


def test_what_may_be_the_end_of_the_whole_group_is_kept_back() -> None:
    kept_back = {cause for cause in Cause if WorkerEnd(cause).unsettled}
    assert kept_back == {Cause.KILLED, Cause.SIGNALLED, Cause.LOST}
